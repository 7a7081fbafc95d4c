// Whom the page asks: the server that it came from. A page that answers by itself brings another file of this name,
// cat_or_dog/browser/ask.js.
export const prepare = null                        // nothing has to be loaded first
export const watch = null                          // a server is not asked several times a second

export const wait = seconds => new Promise(done => setTimeout(done, 1000*seconds))

export async function ask(file, settings) {        // {answer} or {error}; a full queue is asked again
  if (file.size > settings.photo_bytes) return {error: 'size'}
  let response
  for (let attempt = 0; attempt < 6; attempt++) {
    try { response = await fetch('predict', {method: 'POST', body: file, headers: {'content-type': 'application/octet-stream'}}) }
    catch { response = null }
    if (response && response.status != 503) break
    await wait(Number(response?.headers.get('retry-after') || 1)*(1 + attempt*Math.random()))
  }
  if (!response) return {error: 'connection'}
  const said = await response.json().catch(() => ({code: response.status == 503 ? 'busy' : 'server'}))
  return response.ok ? {answer: said} : {error: `error_${said.code}` in settings.texts.en ? said.code : 'server'}
}
