// The page's own program. A card is one photo: {file, url, state, answer, error}; `draw` turns it into what is on the screen.
import {ask, prepare, watch} from './ask.js'
import {bars} from './bars.js'

const find = id => document.getElementById(id)
const settings = JSON.parse(find('settings').textContent)
const cards = []                                   // as on the screen: the newest photos first
let language = chooseLanguage(), batch = [], left_out = false, working = 0, shots = 0

function chooseLanguage() {                        // asked for in the address, or else the first that the reader likes
  const asked = new URLSearchParams(location.search).get('lang')
  const liked = navigator.languages.map(one => one.slice(0, 2).toLowerCase())
  return [asked, ...liked].find(one => Object.hasOwn(settings.texts, one)) ?? 'en'
}

const text = (key, values = {}) => settings.texts[language][key].replace(/\{(\w+)\}/g, (all, word) => values[word] ?? all)
const nameOf = label => settings.texts[language].names[label] ?? label
const capital = word => word.charAt(0).toLocaleUpperCase(language) + word.slice(1)

function percent(p) {                              // never claims to be quite certain
  const say = x => new Intl.NumberFormat(language, {style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1}).format(x)
  return p > .999 ? '> ' + say(.999) : p < .001 ? '< ' + say(.001) : say(p)
}

const verdict = answer => text(answer.verdict, {label: capital(nameOf(answer.label))})
const nameFile = card => card.shot ? text('camera_photo', {number: card.shot}) : card.file.name
const explain = card => text('error_' + card.error, {name: nameFile(card)})

// ── Drawing ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function drawCard(card) {
  card.item ??= find('card').content.firstElementChild.cloneNode(true)
  const part = selector => card.item.querySelector(selector), {answer} = card
  card.item.className = `card ${card.state}`
  part('h3').textContent = nameFile(card)
  part('img').alt = text('photo_of', {name: nameFile(card)})
  part('.photo').hidden = card.state == 'failed'
  part('.verdict').textContent = card.state == 'failed' ? explain(card) : answer ? verdict(answer) : text(card.state)
  part('caption').textContent = text('probabilities')
  part('table').hidden = !answer
  part('tbody').replaceChildren(...(answer ? bars(answer.probabilities, nameOf, percent) : []))
  find('show-heat').parentElement.hidden = !cards.some(card => card.answer?.heat)
  if (answer) part('.where').textContent = answer.verdict == 'neither' ? text('neither_why') : describeHeat(answer.heat)
  document.dispatchEvent(new CustomEvent('card', {detail: card}))   // for what another room adds
}

function drawHeat(card) {                          // a pixel a number, with an empty one all around, then made as large as what the model saw
  const image = card.item.querySelector('img'), canvas = card.item.querySelector('canvas'), {heat, resize} = card.answer
  const rows = heat.length, columns = heat[0].length, small = new OffscreenCanvas(columns + 2, rows + 2), brush = small.getContext('2d')
  heat.forEach((row, y) => row.forEach((value, x) => {
    brush.fillStyle = `rgb(255 ${60 + 150*value} 0 / ${.7*value**1.5})`
    brush.fillRect(x + 1, y + 1, 1, 1)
  }))
  canvas.width = 480
  canvas.height = Math.round(480*image.naturalHeight/image.naturalWidth) || 480
  const context = canvas.getContext('2d'), [width, height] = seen(canvas.width, canvas.height, resize)
  const left = (canvas.width - width)/2 - width/columns, top = (canvas.height - height)/2 - height/rows
  context.imageSmoothingQuality = 'high'
  context.drawImage(small, left, top, width*(1 + 2/columns), height*(1 + 2/rows))
}

function seen(width, height, resize) {             // how much of the middle of a photo the model saw: see `pixels` in photo.py
  const half = (width + height)/2, side = Math.min(width, height)
  if (resize == 'crop') return [side, side]
  return resize == 'half' ? [Math.min(width, half), Math.min(height, half)] : [width, height]
}

function describeHeat(heat) {                      // the same as the colours, for those who cannot see them
  if (!heat) return ''
  const flat = heat.flat(), peak = flat.indexOf(Math.max(...flat)), columns = heat[0].length
  if (flat[peak] <= 0) return ''
  const third = (i, n) => Math.min(2, Math.floor(3*(i + .5)/n))
  const place = settings.texts[language].places[3*third(Math.floor(peak/columns), heat.length) + third(peak % columns, columns)]
  return text('where', {place})
}

function drawAll() {
  document.documentElement.lang = language
  for (const element of document.querySelectorAll('[data-text]')) element.textContent = text(element.dataset.text)
  for (const link of document.querySelectorAll('nav a'))
    link.hreflang == language ? link.setAttribute('aria-current', 'true') : link.removeAttribute('aria-current')
  cards.forEach(drawCard)
  find('results').hidden = !cards.length
}

const say = sentence => { find('status').textContent = sentence }

function sayProgress() {
  const ready = batch.filter(card => card.answer || card.error), bad = ready.filter(card => card.error).length, [first] = ready
  if (batch.length == 1 && first) say(first.error ? explain(first) :
    text('said', {name: nameFile(first), verdict: verdict(first.answer), percent: percent(first.answer.probability)}))
  else if (ready.length < batch.length) say(text('progress', {done: ready.length, all: batch.length}))
  else if (ready.length) say(text(bad ? 'done' : 'done_all', {good: ready.length - bad, bad}) + (left_out ? ' ' + text('error_many') : ''))
}

// ── Asking the model ────────────────────────────────────────────────────────────────────────────────────────────────

async function work() {                            // three of these run at a time
  working++
  for (let card; card = cards.find(card => card.state == 'waiting');) {
    card.state = 'looking'
    drawCard(card)
    Object.assign(card, await ask(card.file, settings))
    card.state = card.error ? 'failed' : 'done'
    if (card.answer) await showPhoto(card)
    drawCard(card)
    sayProgress()
  }
  working--
}

async function showPhoto(card) {                   // a server sends a small copy of a photo that browsers cannot show
  const image = card.item.querySelector('img')
  if (card.answer.preview) image.src = card.answer.preview
  await image.decode().catch(() => {})
  if (card.answer.heat) drawHeat(card)
}

// ── Taking photos in ────────────────────────────────────────────────────────────────────────────────────────────────

function add(files, shot) {
  const taken = [...files].slice(0, settings.photos)
  if (!taken.length) return say(text('error_no_file'))
  if (!working) batch = []
  left_out = taken.length < files.length
  say(text('looking'))
  const added = taken.map(file => ({file, shot, state: 'waiting', url: URL.createObjectURL(file)}))
  cards.unshift(...added)
  batch.push(...added)
  added.forEach(drawCard)
  for (const card of added) card.item.querySelector('img').src = card.url
  find('cards').prepend(...added.map(card => card.item))
  find('results').hidden = false
  while (working < 3 && working < batch.length) work()
}

function clear() {
  for (const card of cards) URL.revokeObjectURL(card.url)
  cards.length = batch.length = 0
  find('cards').replaceChildren()
  find('results').hidden = true
  say(text('removed'))
  find('choose').focus()
}

const carriesFiles = event => [...event.dataTransfer.types].some(type => type == 'Files' || type == 'text/uri-list')

find('choose').onclick = () => find('files').click()
find('files').onchange = event => { add(event.target.files); event.target.value = '' }
find('clear').onclick = clear
document.ondragover = event => { if (carriesFiles(event)) { event.preventDefault(); find('drop').classList.add('over') } }
document.ondragleave = event => { if (!event.relatedTarget) find('drop').classList.remove('over') }
document.ondrop = event => { event.preventDefault(); find('drop').classList.remove('over'); add(event.dataTransfer.files) }
document.onpaste = event => { if (event.clipboardData.types.length) add(event.clipboardData.files) }

for (const link of document.querySelectorAll('nav a')) link.onclick = event => {
  event.preventDefault()
  language = link.hreflang
  history.replaceState(null, '', `?lang=${language}`)
  drawAll()
  sayProgress()
}

// ── Camera ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const camera = find('camera'), video = camera.querySelector('video')
find('open-camera').hidden = !navigator.mediaDevices?.getUserMedia   // only there on https:// and on this computer

find('open-camera').onclick = async () => {
  try { video.srcObject = await navigator.mediaDevices.getUserMedia({video: {facingMode: 'environment'}}) }
  catch { return say(text('error_camera')) }
  camera.showModal()
  if (watch) tellLive()
}
find('close-camera').onclick = () => camera.close()
camera.onclose = () => video.srcObject?.getTracks().forEach(track => track.stop())
find('shoot').onclick = () => {
  const canvas = document.createElement('canvas')
  canvas.width = video.videoWidth
  canvas.height = video.videoHeight
  canvas.getContext('2d').drawImage(video, 0, 0)
  canvas.toBlob(photo => add([photo], ++shots), 'image/jpeg', .95)
  camera.close()
}

async function tellLive() {                        // what the model sees in the camera's picture, a few times a second
  const live = find('live'), [said, sure] = live.children
  live.hidden = false
  while (camera.open) {
    const answer = document.hidden || !video.videoWidth ? null : await watch(video, settings)
    if (answer && said.textContent != verdict(answer)) said.textContent = verdict(answer)   // only news is read aloud
    if (answer) sure.textContent = answer.verdict == 'neither' ? '' : percent(answer.probability)
    await new Promise(done => setTimeout(done, 100))
  }
}

// ── Begin ───────────────────────────────────────────────────────────────────────────────────────────────────────────

drawAll()

export {ask, capital, cards, drawAll, drawCard, language, nameOf, percent, say, settings, showPhoto, text, verdict}
if (prepare) {                                     // the model comes to this browser first
  const sayUnlessBusy = key => { if (!batch.length) say(text(key)) }
  sayUnlessBusy('preparing')
  prepare(settings).then(() => sayUnlessBusy('ready'), () => say(text('unprepared')))
}
