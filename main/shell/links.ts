// Links that leave the app: pages of hosts named here, opened in the browser, nothing else.

/** Every host that a text or a notice of this app links to. */
const hosts = new Set([
  'arxiv.org',
  'caffe.berkeleyvision.org',
  'doi.org',
  'github.com',
  'netron.app',
  'onnx.ai',
  'onnxruntime.ai',
  'www.electronjs.org',
])

/** True for an https page of a host on the list, without a name, password or port of its own. */
export function isAllowedLink(address: string): boolean {
  let url: URL
  try {
    url = new URL(address)
  } catch {
    return false
  }
  return (
    url.protocol === 'https:' &&
    url.port === '' &&
    url.username === '' &&
    url.password === '' &&
    hosts.has(url.hostname)
  )
}
