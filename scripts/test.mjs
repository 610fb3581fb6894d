// `npm test`: set-up, then every check there is. `npm test -- types lint` runs only the parts named.
import fs from 'node:fs'
import { main, setup } from './setup.mjs'
import { SetupError } from './setup/shell.mjs'
import { parts, resultsFolder } from './test/parts.mjs'

function selectParts(names) {
  const unknown = names.filter((name) => !parts.some((part) => part.name === name))
  if (unknown.length > 0) {
    const known = parts.map((part) => part.name).join(', ')
    throw new SetupError(`no such part: ${unknown.join(', ')} (there are ${known})`)
  }
  return names.length === 0 ? parts : parts.filter((part) => names.includes(part.name))
}

function tail(output, lines) {
  return output.trimEnd().split('\n').slice(-lines).join('\n')
}

await main(async () => {
  const selected = selectParts(process.argv.slice(2))
  await setup()
  fs.mkdirSync(resultsFolder, { recursive: true })
  let passed = 0
  let failed = 0
  for (const part of selected) {
    const started = Date.now()
    const result = await part.run(part.name)
    const seconds = ((Date.now() - started) / 1000).toFixed(1)
    if (result.failed > 0) console.log(tail(result.output, 150))
    for (const reason of result.skipped) console.log(`SKIPPED: ${reason} [${part.name}]`)
    console.log(`${part.name}: ${result.passed} passed, ${result.failed} failed (${seconds} s)`)
    passed += result.passed
    failed += result.failed
  }
  console.log(`${passed} passed, ${failed} failed`)
  if (failed > 0) process.exitCode = 1
})
