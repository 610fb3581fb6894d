import vue from 'eslint-plugin-vue'
import tseslint from 'typescript-eslint'

/** A folder's rule: what it may not import. `regex` is matched against the import's own text. */
const restrict = (files, patterns, ignores = []) => ({
  files,
  ignores,
  rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] },
})

const mainFolders = [
  'caffe',
  'data',
  'engine',
  'net',
  'olmp',
  'onnx',
  'projects',
  'report',
  'runs',
  'settings',
]

/** Imports of the other folders of main. */
const mainExcept = (...allowed) => {
  const others = mainFolders.filter((folder) => !allowed.includes(folder))
  return `^(\\.\\./)+(${others.join('|')})(/|$)`
}

const edges = {
  regex: '(^|/)(ipc|cli)(/|$)',
  message: 'Nothing imports main/ipc or main/cli: they are edges that call services.',
}
const electron = { regex: '^electron', message: 'This folder also runs in plain Node: no Electron here.' }
const types = { allowTypeImports: true }

export default tseslint.config(
  { ignores: ['node_modules/', 'out/', 'release/', 'test-results/', '.cache/', 'native/', 'test/fixtures/'] },
  tseslint.configs.recommended,
  vue.configs['flat/recommended'],
  { files: ['**/*.vue'], languageOptions: { parserOptions: { parser: tseslint.parser } } },
  {
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/ban-ts-comment': ['error', { 'ts-ignore': true, 'ts-expect-error': true }],
      eqeqeq: 'error',
      'no-restricted-globals': ['error', { name: 'event', message: 'Name the event as a parameter.' }],
      // how a template is laid out is prettier's
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/html-self-closing': 'off',
      'vue/html-indent': 'off',
      'vue/html-closing-bracket-newline': 'off',
      'vue/multiline-html-element-content-newline': 'off',
    },
  },
  {
    files: ['main/**/*.ts', 'preload/**/*.ts', 'renderer/**/*.{ts,vue}'],
    rules: { 'no-console': 'error' },
  },
  { files: ['main/cli/**/*.ts'], rules: { 'no-console': 'off' } },

  restrict(['main/**/*.ts'], [edges], ['main/index.ts', 'main/ipc/**', 'main/cli/**']),
  restrict(['main/{data,runs,onnx,cli}/**/*.ts'], [electron, edges], ['main/cli/**']),
  restrict(
    ['main/net/**/*.ts'],
    [electron, edges, { regex: mainExcept('net'), ...types, message: 'main/net stands alone.' }],
  ),
  restrict(
    ['main/caffe/**/*.ts'],
    [
      electron,
      edges,
      { regex: mainExcept('caffe', 'net'), ...types, message: 'main/caffe imports main/net only.' },
    ],
  ),
  restrict(
    ['main/olmp/**/*.ts'],
    [
      edges,
      { regex: '^(electron|node:)', message: 'main/olmp is pure.' },
      {
        regex: '^\\.\\./(?!net/)',
        ...types,
        message: 'main/olmp imports types of the engine and main/net only.',
      },
    ],
  ),
  restrict(
    ['preload/contract.ts', 'preload/contract/**/*.ts'],
    [
      { regex: '^(electron|node:)', message: 'The contract is plain data: no Electron, no Node.' },
      {
        regex:
          '(^|/)main/(?!(net/errors|olmp/(presets|settings|runSettings|cycleRule|heldOut)|projects/estimate)$)',
        ...types,
        message: 'The contract takes only types from main, and what is pure and stated here.',
      },
    ],
  ),
  restrict(
    ['renderer/**/*.{ts,vue}'],
    [
      { regex: '^(electron|node:)', message: 'The window has no Node.' },
      { regex: '(^|/)(main|native|scripts)/', message: 'The window knows preload/contract only.' },
      { regex: '(^|/)preload/(?!contract$)', message: 'The window knows preload/contract only.' },
    ],
  ),
  {
    files: ['renderer/**/*.{ts,vue}'],
    ignores: ['renderer/bridge/**'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'window', property: 'api', message: 'Only renderer/bridge touches window.api.' },
      ],
    },
  },
)
