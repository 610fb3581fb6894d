// The terminal command `olmp`: the app's services without a window. Exit status 0 only on success.

import { readFileSync } from 'node:fs'

import { Command, CommanderError, Option } from 'commander'

import { AppError } from '../net/errors'
import { EFFORTS, PRUNING_SCORES, REFERENCES } from '../olmp/cycleSettings'
import { RECOMMENDED } from './chooseSettings'
import { compressCommand, resumeCommand, type ResumeFlags } from './compress'
import { defaultThreads } from './environment'
import { exportCommand } from './export'
import { frontCommand } from './front'
import { inspectCommand } from './inspect'
import { integerFrom, numberFrom, ratios, sourceFrom, type Context, type SourceFlags } from './options'
import { reportCommand } from './report'
import { sparsityCommand } from './sparsity'
import { Terminal } from './terminal'
import { testCommand } from './test'
import { trainCommand } from './train'

const packageFile = new URL('../../package.json', import.meta.url)
const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string }

interface CommonFlags extends SourceFlags {
  json?: boolean
  threads: number
  device: 'cpu' | 'cuda'
  tf32?: boolean
  seed?: number
}

function context(flags: CommonFlags): Context {
  if (flags.tf32 === true && flags.device !== 'cuda') {
    throw new AppError('flag-without-device', '--tf32 is of CUDA alone', { hint: 'add --device cuda' })
  }
  return {
    terminal: new Terminal(flags.json === true),
    threads: flags.threads,
    device: flags.device,
    tf32: flags.tf32 === true,
    seed: flags.seed ?? 1,
  }
}

function withJson(command: Command): Command {
  return command.option('--json', 'print one JSON object at the end; everything else goes to stderr')
}

function withSource(command: Command): Command {
  return withJson(command)
    .argument('<folder>', 'Caffe model folder')
    .option('--net <file>', 'train_val / train_test prototxt, where the choice is not the right one')
    .option('--solver <file>', 'solver prototxt')
    .option('--weights <file>', 'caffemodel (binary or .h5)')
    .option('--data-train <path>', 'training data: LMDB or LevelDB folder, or the word mnist')
    .option('--data-test <path>', 'test data: LMDB or LevelDB folder, or the word mnist')
}

function withEngine(command: Command): Command {
  return command
    .option('--threads <n>', 'CPU threads', integerFrom('--threads', 1, 1024), defaultThreads())
    .addOption(new Option('--device <device>', 'where to compute').choices(['cpu', 'cuda']).default('cpu'))
    .option('--tf32', 'with --device cuda: products and convolutions round their operands to TF32, for speed')
}

function withSeed(command: Command): Command {
  return command.option('--seed <n>', 'seeds every generator', integerFrom('--seed', 0, 0xffffffff), 1)
}

const program = new Command('olmp')
  .description('Compress trained Caffe networks by OLMP and export verified ONNX.')
  .version(version)
  .showHelpAfterError('(olmp --help tells the commands and options)')
  .exitOverride()

withEngine(withSource(program.command('inspect')))
  .description('tell what a model folder holds, what is missing and what is assumed')
  .action((folder: string, flags: CommonFlags) => inspectCommand(context(flags), sourceFrom(folder, flags)))

withSeed(withEngine(withSource(program.command('train'))))
  .description('train the net by its solver and write a caffemodel')
  .option('--iterations <n>', "instead of the solver's max_iter", integerFrom('--iterations', 1, 1e9))
  .option('--snapshot <file>', 'go on from this .solverstate and the weights it names')
  .option('--out <file>', 'the caffemodel to write (default: NAME_iter_N.caffemodel in the working folder)')
  .action((folder: string, flags: CommonFlags & Parameters<typeof trainCommand>[2]) =>
    trainCommand(context(flags), sourceFrom(folder, flags), flags),
  )

withEngine(withSource(program.command('test')))
  .description('accuracy and loss on the whole test set')
  .action((folder: string, flags: CommonFlags) => testCommand(context(flags), sourceFrom(folder, flags)))

withEngine(withSource(program.command('compress')))
  .description('prune the net: in cycles (recommended), or by OLMP as published')
  .option('--preset <name>', 'recommended, olmp-ncs-corrected or olmp-as-published', RECOMMENDED)
  .option('--seed <n>', 'seeds every generator', integerFrom('--seed', 0, 0xffffffff))
  .addOption(new Option('--effort <effort>', 'how long (default: standard)').choices(EFFORTS))
  .option('--target <ratios>', 'goal: these compressions, as 113 or 113,150,205', ratios)
  .option(
    '--accuracy-loss <share>',
    'goal: the smallest net that loses at most this on images held out (default: 0.001)',
    numberFrom('--accuracy-loss', 0, 1),
  )
  .option(
    '--validation-images <n>',
    'training images held out for that (default: a sixth, and 10000 where that is no more than a third)',
    integerFrom('--validation-images', 1, 1e9),
  )
  .addOption(
    new Option(
      '--against <reference>',
      'compared with the given net, which may have seen them, or with it fine-tuned without them (default: given, ' +
        'unless the fine-tuned net shows that it has learnt them by heart)',
    ).choices(REFERENCES),
  )
  .addOption(new Option('--score <score>', 'what decides which weights go').choices(PRUNING_SCORES))
  .option('--no-augmentation', 'no shifted, turned and scaled copies of the images, no teacher')
  .option(
    '--delta <share>',
    'olmp presets: accuracy a candidate may lose on the training batch',
    numberFrom('--delta', 0, 1),
  )
  .option(
    '--iterations <n>',
    'olmp presets: iterations of the whole run',
    integerFrom('--iterations', 1, 1e9),
  )
  .option('--settings <file>', 'JSON file with any of the settings, over those of the preset')
  .option('--run-dir <folder>', 'where the run is kept (default: olmp-runs/NAME-TIME in the working folder)')
  .option(
    '--checkpoint-interval <n>',
    "iterations between checkpoints (default: a thirtieth of the run's)",
    integerFrom('--checkpoint-interval', 1, 1e9),
  )
  .action((folder: string, flags: CommonFlags & Parameters<typeof compressCommand>[2]) =>
    compressCommand(context(flags), sourceFrom(folder, flags), flags),
  )

withJson(program.command('resume'))
  .description('continue a stopped or killed run from its newest checkpoint')
  .argument('<run>', "the run's folder")
  .option('--extend <n>', 'let a finished run go on for n iterations more', integerFrom('--extend', 1, 1e9))
  .addOption(
    new Option('--device <device>', 'go on computing there').choices(['cpu', 'cuda']).conflicts('extend'),
  )
  .action((run: string, flags: { json?: boolean } & ResumeFlags) =>
    resumeCommand(new Terminal(flags.json === true), run, flags),
  )

withJson(program.command('export'))
  .description('export a run as ONNX and verify it on the whole test set, or as a caffemodel')
  .argument('<run>', "the run's folder")
  .option('--onnx <file>', 'write and verify this ONNX file')
  .option('--caffemodel <file>', "write this caffemodel in the authors' format (masks as blobs 2 and 3)")
  .option('--plain', 'with --caffemodel: zeros instead of masks, for stock Caffe')
  .option('--sparse', 'with --onnx: weights as sparse initializers')
  .option(
    '--compact',
    'with --onnx: without the units, channels and filters that do nothing, and compared side by side',
  )
  .option('--checkpoint <name>', 'folder name of the checkpoint (default: the promoted, else the newest one)')
  .option(
    '--front <iteration>',
    'the net that the run kept at this iteration (olmp front tells which there are)',
    integerFrom('--front', 0, 1e9),
  )
  .action((run: string, flags: Parameters<typeof exportCommand>[2] & { json?: boolean }) =>
    exportCommand(new Terminal(flags.json === true), run, flags),
  )

withJson(program.command('front'))
  .description('list the nets that a run of the recommended preset has kept on its way, each exportable')
  .argument('<run>', "the run's folder")
  .action((run: string, flags: { json?: boolean }) => frontCommand(new Terminal(flags.json === true), run))

withJson(program.command('report'))
  .description('tell a run on one HTML page with charts, or its metrics as a table')
  .argument('<run>', "the run's folder")
  .option('--html <file>', 'write the report; it needs no other file and no network')
  .option('--csv <file>', 'write a row per iteration: loss, accuracy, compression, what every layer keeps')
  .addOption(
    new Option('--language <language>', "the report's language").choices(['en', 'zh-CN']).default('en'),
  )
  .action((run: string, flags: Parameters<typeof reportCommand>[3] & { json?: boolean }) =>
    reportCommand(new Terminal(flags.json === true), version, run, flags),
  )

withJson(program.command('sparsity'))
  .description('count what a caffemodel keeps, by its masks or its zeros')
  .argument('<file>', 'caffemodel')
  .action((file: string, flags: { json?: boolean }) =>
    sparsityCommand(new Terminal(flags.json === true), file),
  )

try {
  await program.parseAsync()
} catch (error) {
  // Commander has printed its own errors, help and version.
  if (error instanceof CommanderError) process.exitCode = error.exitCode
  else {
    new Terminal(false).fail(error)
    process.exitCode = error instanceof AppError && error.code === 'stopped' ? 130 : 1
  }
}
