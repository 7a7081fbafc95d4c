// Keeps the whole page, so that it opens without a network afterwards. Above these lines the export has written FILES,
// each address with the hash of what is there, and VERSION, a hash of them all. A browser looks at this file at every
// visit; where it has changed, the new files are taken in, all together.
const OURS = `cat-or-dog ${registration.scope} `, NAME = OURS + VERSION

self.oninstall = event => event.waitUntil(takeIn())

async function takeIn() {                          // all files or none: what is not as it was exported ends it
  const cache = await caches.open(NAME)
  await Promise.all(Object.entries(FILES).map(async ([address, integrity]) => {
    const answer = await fetch(address, {integrity, cache: 'no-cache', mode: 'cors', credentials: 'same-origin'})
    if (!answer.ok) throw new Error(`${address}: HTTP ${answer.status}`)
    await cache.put(address, answer)
  }))
  await skipWaiting()
}

self.onactivate = event => event.waitUntil(sweep())

async function sweep() {                           // earlier exports, and nobody else's
  const old = (await caches.keys()).filter(name => name.startsWith(OURS) && name != NAME)
  await Promise.all(old.map(name => caches.delete(name)))
  await clients.claim()
}

self.onfetch = event => {
  if (event.request.method == 'GET') event.respondWith(kept(event.request))
}

async function kept(request) {                     // what was kept; anything else from where it comes
  const cache = await caches.open(NAME)
  const page = request.mode == 'navigate' && /\/(index\.html)?$/.test(new URL(request.url).pathname)
  return await cache.match(page ? './' : request, {ignoreSearch: true, ignoreVary: true}) ?? fetch(request)
}
