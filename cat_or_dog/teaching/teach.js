// The page that teaches. `state` is what the server says of the folder; `draw` puts it on the screen.
import {bars} from '../static/bars.js'
import {post, question, sentence} from './correct.js'

const find = id => document.getElementById(id)
const settings = JSON.parse(find('settings').textContent), language = document.documentElement.lang
const TEN = 10, BETWEEN = 150, LIVE = 350          // photos of one hold; milliseconds between two; between two looks
const SIDE = 640                                   // pixels of a camera's photo
let state = {labels: []}, current = null, undone = [], tried = null, answer = null, live = false

const text = (key, values = {}) => settings.texts[language][key]?.replace(/\{(\w+)\}/g, (all, word) => values[word] ?? all)
const nameOf = label => settings.texts[language].names[label] ?? label
const percent = p => new Intl.NumberFormat(language, {style: 'percent', maximumFractionDigits: 1}).format(p)
const wait = milliseconds => new Promise(done => setTimeout(done, milliseconds))

function say(words, numbers = []) {                // `numbers`: changes that the button beside it takes back
  undone = numbers
  find('status').textContent = words
  find('undo').hidden = !numbers.length
}

async function refresh() {
  const response = await fetch('teach/state').catch(() => null), said = await response?.json().catch(() => null)
  if (!response?.ok) return say(said ? sentence(text, said, '') : text('error_connection', {name: ''}))
  state = said
  draw()
}

// ── Drawing ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const items = new Map()                            // label -> its card

function draw() {
  for (const [name, item] of items) if (!state.labels.some(label => label.name == name)) { item.remove(); items.delete(name) }
  current = items.has(current) || state.labels.some(label => label.name == current) ? current : state.labels[0]?.name ?? null
  for (const label of state.labels) drawLabel(label)
  markCurrent()
  find('train').disabled = state.labels.filter(label => label.count).length < 2
  find('trying').hidden = !state.model
  drawReport()
  wrong.draw()
}

function markCurrent() {                           // where pasted photos go
  for (const [name, item] of items) item.classList.toggle('current', name == current)
}

function drawLabel({name, count, photos}) {
  if (!items.has(name)) items.set(name, newLabel(name))
  const item = items.get(name), part = selector => item.querySelector(selector), shown = nameOf(name)
  part('.count').textContent = text('count', {n: count})
  part('.hold').hidden = !video.srcObject
  part('.close').hidden = count > 0
  const known = new Map([...part('.sheet').children].map(li => [li.dataset.photo, li]))
  if ([...known.keys()].join() == photos.join()) return   // else the photo under a finger would be another one
  part('.sheet').replaceChildren(...photos.map((photo, i) => {
    const li = known.get(photo) ?? newPhoto(name, photo)
    li.querySelector('button').setAttribute('aria-label', text('remove_photo', {label: shown, n: i + 1}))
    return li
  }))
}

function newLabel(name) {
  const item = find('label').content.firstElementChild.cloneNode(true), part = selector => item.querySelector(selector)
  const shown = nameOf(name)
  part('h3').textContent = shown
  for (const [way, key] of [['hold', 'hold'], ['choose', 'some_photos'], ['whole', 'whole_folder'], ['search', 'search'], ['close', 'remove_label']]) {
    part(`.${way}`).textContent = text(key)
    part(`.${way}`).setAttribute('aria-label', `${text(key)}: ${shown}`)
  }
  part('.choose').onclick = () => { current = name; find('files').click() }
  part('.whole').onclick = () => { current = name; find('folder').click() }
  part('.search').onclick = () => search(name)
  part('.close').onclick = async () => { await did(await post('close', {label: name})); find('label-name').focus() }
  hold(part('.hold'), () => frame(video), photos => show(name, photos))
  for (const event of ['pointerdown', 'focusin']) item.addEventListener(event, () => { current = name; markCurrent() })
  item.ondragover = event => { event.preventDefault(); item.classList.add('over') }
  item.ondragleave = event => { if (!item.contains(event.relatedTarget)) item.classList.remove('over') }
  item.ondrop = event => { event.preventDefault(); event.stopPropagation(); item.classList.remove('over'); show(name, event.dataTransfer.files) }
  find('labels').append(item)
  return item
}

function newPhoto(label, photo) {
  const li = document.createElement('li'), button = document.createElement('button'), image = new Image()
  li.dataset.photo = photo
  button.type = 'button'
  image.alt = ''
  image.loading = 'lazy'
  image.src = `teach/picture?photo=${photo}`
  button.append(image)
  button.onclick = async () => {
    const next = (li.nextElementSibling ?? li.previousElementSibling)?.querySelector('button')
    const said = await post('remove', {photo})
    await did(said)
    if (!said.code) say(text('set_aside', {label: nameOf(label)}), [said.undo])
    ;(next?.isConnected ? next : items.get(label)?.querySelector('.choose'))?.focus()
  }
  li.append(button)
  return li
}

function drawReport() {
  const {model} = state
  if (!model) { find('report').textContent = find('helps').textContent = ''; return }
  const {hint, interval} = model
  find('report').textContent = (model.n ? text('report', {...model, rate: percent(model.error_rate),
    low: percent(interval[0]), high: percent(interval[1])}) : text('not_measured')) + (state.fresh ? '' : ' ' + text('not_fresh'))
  find('helps').textContent = text(`hint_${hint.code}`, {...hint, label: nameOf(hint.label), other: nameOf(hint.other)})
}

async function did(said) {                         // after anything that may fail
  if (said.code) say(sentence(text, said, ''))
  await refresh()
}

// ── Showing ─────────────────────────────────────────────────────────────────────────────────────────────────────────

async function show(label, files) {
  const photos = [...files].filter(file => !file.type || file.type.startsWith('image/'))
  if (!photos.length) return say(text('error_no_file'))
  const numbers = [], kinds = {}, bad = []
  let done = 0
  async function some() {
    for (let file; file = photos.shift();) {
      const name = file.name ?? text('photo')
      const said = file.size > settings.photo_bytes ? {code: 'size'} : await post('show', {label, name}, file)
      if (said.code) bad.push(sentence(text, said, name))
      else kinds[said.kind] = (kinds[said.kind] ?? 0) + 1
      if (said.undo) numbers.push(said.undo)
      say(text('shown_so_far', {n: ++done}))
    }
  }
  await Promise.all([some(), some()])
  await refresh()
  const words = [text('shown_new', {label: nameOf(label), n: (kinds.new ?? 0) + (kinds.moved ?? 0)})]
  if (kinds.alike) words.push(text('shown_alike', {n: kinds.alike}))
  if (kinds.known) words.push(text('shown_known', {n: kinds.known}))
  say([...words, ...bad.slice(0, 2)].join(' '), numbers)
}

async function search(label) {
  say(text('searching', {label: nameOf(label)}))
  const said = await post('search', {label, words: ''})
  await did(said)
  if (!said.code) say(text('found', {label: nameOf(label), n: said.kept}))
}

find('undo').onclick = async () => {
  const numbers = undone
  say(text('taking_back'))
  for (const number of numbers.reverse()) await post('take_back', {number})
  await refresh()
  say(text('taken_back_all', {n: numbers.length}))
  ;(items.get(current)?.querySelector('.choose') ?? find('label-name')).focus()
}
find('new-label').onsubmit = async event => {
  event.preventDefault()
  const said = await post('add', {label: find('label-name').value})
  if (!said.code) { current = said.label; find('label-name').value = ''; say(text('label_added', {label: nameOf(said.label)})) }
  await did(said)
  find('label-name').focus()
}
for (const input of [find('files'), find('folder')])
  input.onchange = () => { const files = [...input.files]; input.value = ''; if (current !== null) show(current, files) }
document.ondragover = event => event.preventDefault()
document.ondrop = event => { event.preventDefault(); current === null ? say(text('label_first')) : show(current, event.dataTransfer.files) }
document.onpaste = event => {
  if (!event.clipboardData.files.length) return
  current === null ? say(text('label_first')) : show(current, event.clipboardData.files)
}

// ── The camera ──────────────────────────────────────────────────────────────────────────────────────────────────────

const video = find('seen')
const hasCamera = Boolean(navigator.mediaDevices?.getUserMedia)   // only there on https:// and on this computer
find('camera-on').hidden = find('try-camera').hidden = !hasCamera

async function openCamera() {
  if (video.srcObject) return true
  try { video.srcObject = await navigator.mediaDevices.getUserMedia({video: {facingMode: 'environment'}}) }
  catch { say(text('error_camera')); return false }
  video.hidden = false
  find('live').srcObject = video.srcObject
  find('camera-on').textContent = text('camera_off')
  draw()
  return true
}
function closeCamera() {
  for (const track of video.srcObject?.getTracks() ?? []) track.stop()
  video.srcObject = find('live').srcObject = null
  video.hidden = true
  live = false
  find('camera-on').textContent = text('camera_on')
  draw()
}
find('camera-on').onclick = () => video.srcObject ? closeCamera() : openCamera()

function frame(from) {                             // what the camera sees now, as a file
  if (!from.videoWidth) return Promise.resolve(null)
  const canvas = document.createElement('canvas'), scale = Math.min(1, SIDE/Math.max(from.videoWidth, from.videoHeight))
  canvas.width = Math.round(from.videoWidth*scale)
  canvas.height = Math.round(from.videoHeight*scale)
  canvas.getContext('2d').drawImage(from, 0, 0, canvas.width, canvas.height)
  return new Promise(done => canvas.toBlob(done, 'image/jpeg', .92))
}

function hold(button, take, finish) {              // pressed: a photo; held: up to ten
  let timer = null, photos = [], started = 0
  const stop = async () => {
    if (timer === null) return
    clearInterval(timer)
    timer = null
    const taken = (await Promise.all(photos)).filter(Boolean)
    if (taken.length) finish(taken)
  }
  const one = () => { photos.push(take()); say(text('taken', {n: photos.length})); if (photos.length == TEN) stop() }
  const start = () => { if (timer !== null) return; started = Date.now(); photos = []; timer = setInterval(one, BETWEEN); one() }
  const isPress = event => event.key == ' ' || event.key == 'Enter'
  button.onpointerdown = start
  button.onpointerup = button.onpointercancel = button.onpointerleave = button.onblur = stop
  button.onkeydown = event => { if (isPress(event)) { event.preventDefault(); if (!event.repeat) start() } }
  button.onkeyup = event => { if (isPress(event)) { event.preventDefault(); stop() } }
  button.onclick = event => { if (!event.detail && Date.now() - started > 1000) { start(); stop() } }   // a screen reader's press
  button.oncontextmenu = event => event.preventDefault()   // a long press on a phone
}

// ── Training, trying, saving ────────────────────────────────────────────────────────────────────────────────────────

find('train').onclick = async () => {
  const bar = find('progress')
  find('train').disabled = true
  bar.hidden = false
  bar.removeAttribute('value')
  say(text('training'))
  let over = false
  const training = post('train').finally(() => { over = true })
  while (!over) {
    await Promise.race([training, wait(300)])
    const {done, all} = await fetch('teach/progress').then(response => response.json()).catch(() => ({}))
    if (all > done) bar.value = done/all
  }
  const said = await training
  bar.hidden = true
  if (!said.code) Object.assign(settings.texts[language], {names: said.texts[language].names})
  await did(said)
  if (!said.code) say(text('trained', {labels: said.labels.map(nameOf).join(text('comma')), seconds: said.seconds.toFixed(1)}))
  if (tried) look(tried)
}

async function look(photo) {                       // what the model says of a photo
  const response = await fetch('predict', {method: 'POST', body: photo}).catch(() => null)
  const said = await response?.json().catch(() => null)
  if (!said || said.code) return say(said ? sentence(text, said, photo.name ?? text('photo')) : text('error_connection', {name: ''}))
  tried = photo
  answer = said.label
  document.querySelector('.tried').hidden = false
  document.querySelector('.tried .verdict').textContent = text(said.verdict, {label: nameOf(said.label)})
  document.querySelector('.tried tbody').replaceChildren(...bars(said.probabilities, nameOf, percent))
}

function showStill(photo) {                        // the photo that is spoken of, standing still
  live = false
  find('live').hidden = true
  find('still').hidden = false
  find('still').alt = text('photo')
  find('still').src = URL.createObjectURL(photo)
}

find('try-camera').onclick = async () => {
  if (live) { live = false; find('try-camera').textContent = text('try_camera'); if (tried) showStill(tried); return }
  if (!await openCamera()) return
  live = true
  find('try-camera').textContent = text('try_stop')
  document.querySelector('.tried').hidden = false
  find('still').hidden = true
  find('live').hidden = false
  while (live) {
    const photo = document.hidden ? null : await frame(find('live'))
    if (photo && live) await look(photo)
    await wait(LIVE)
  }
  find('try-camera').textContent = text('try_camera')
}
find('try-photo').onclick = () => find('one').click()
find('one').onchange = event => { const [photo] = event.target.files; event.target.value = ''; if (photo) { showStill(photo); look(photo) } }

const wrong = question({
  text, nameOf, labels: () => state.labels.map(label => label.name), said: () => answer, get folder() { return state.folder ?? '' },
  photo: () => tried, name: () => tried?.name ?? text('photo'), say: words => say(words),
  learnt: async said => { await look(tried); await refresh() }})
wrong.details.ontoggle = () => { if (wrong.details.open && live && tried) showStill(tried) }
find('question').append(wrong.root)

find('save').onclick = async () => {
  const said = await post('save')
  if (said.code) return say(sentence(text, said, ''))
  find('saved').textContent = text('saved', said)
  say(text('saved', said))
}

// ── The map ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const MAP_WORDS = ['map', 'photo', 'doubt', 'doubted', 'press', 'near']
async function drawMap() {
  if (!find('map').open) return
  say(text('drawing_map'))
  const data = await fetch('teach/map').then(response => response.json()).catch(() => ({code: 'connection'}))
  if (data.code) return say(sentence(text, data, ''))
  data.words = Object.fromEntries([['comma', text('comma')], ...MAP_WORDS.map(word => [word, text(`map_${word}`)])])
  data.names = data.names.map(nameOf)
  for (const photo in data.doubts) data.doubts[photo] = nameOf(data.doubts[photo])
  photoMap(find('map-place'), data)
  say('')
}
find('map').ontoggle = drawMap

for (const link of document.querySelectorAll('nav a')) if (link.hreflang == language) link.setAttribute('aria-current', 'true')
refresh()
