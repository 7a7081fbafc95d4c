// "Wrong? It is a …": a question below an answer. It keeps nothing before somebody presses the button that says so.
const html = `
  <details>
    <summary></summary>
    <form>
      <label class="is"><span></span> <select></select></label>
      <label class="other" hidden><span></span> <input maxlength="60" autocomplete="off"></label>
      <p class="consent"></p>
      <button class="main"></button>
    </form>
  </details>
  <p class="learnt" hidden><span></span> <button type="button" class="undo"></button></p>`
const OTHER = '\u0000'   // no label can be called like this

export async function post(what, values = {}, body = null) {   // what the server says; an error is {code, error, …}
  const query = new URLSearchParams(values)
  const options = {method: 'POST', body, headers: body ? {'content-type': 'application/octet-stream'} : {}}
  try { return await (await fetch(`teach/${what}?${query}`, options)).json() }
  catch { return {code: 'connection', error: ''} }
}

export const sentence = (text, said, name) => text(`error_${said.code}`, {name, ...said}) ?? said.error

const short = said => ({...said, seconds: said.seconds?.toFixed(1)})

// about: text(key, values); nameOf(label); labels(); said(), the answer; folder; photo(), a file; name(); learnt(said), called after each training
export function question(about) {
  const root = document.createElement('div'), find = selector => root.querySelector(selector)
  root.className = 'correct'
  root.innerHTML = html
  const details = find('details'), select = find('select'), input = find('input'), button = find('form button')
  let last = null, spoken = null, touched = false

  const label = () => select.value == OTHER ? input.value.trim() : select.value
  function draw() {
    const {text} = about, chosen = select.value
    find('summary').textContent = text('wrong')
    find('.is span').textContent = text('it_is')
    find('.other span').textContent = text('new_label')
    const options = [...about.labels().map(name => new Option(about.nameOf(name), name)), new Option(text('another'), OTHER)]
    select.replaceChildren(...options)
    if (touched && options.some(option => option.value == chosen)) select.value = chosen
    else select.value = about.labels().find(name => name != about.said()) ?? OTHER
    find('.other').hidden = select.value != OTHER
    find('.consent').textContent = text('consent', {folder: `${about.folder}/${label() || '…'}`})
    button.textContent = text('keep')
    find('.undo').textContent = text('undo')
    if (spoken) find('.learnt span').textContent = text(...spoken) ?? spoken[1]?.error ?? ''
  }
  function speak(key, values, undo = null) {
    last = undo
    spoken = [key, values]
    find('.learnt').hidden = false
    find('.undo').hidden = undo === null
    draw()
    about.say?.(find('.learnt span').textContent)
  }
  select.onchange = () => { touched = true; draw(); if (select.value == OTHER) input.focus() }
  input.oninput = draw

  find('form').onsubmit = async event => {
    event.preventDefault()
    if (!label() || button.disabled) return input.focus()
    button.disabled = true
    speak('learning')
    const name = about.name(), said = await post('correct', {label: label(), name}, about.photo())
    button.disabled = false
    if (said.code) return speak(`error_${said.code}`, {name, ...said})
    await about.learnt(said)
    details.open = touched = false
    input.value = ''
    speak(`learnt_${said.kind}`, {...short(said), label: about.nameOf(said.label)}, said.undo)
    if (said.undo !== null) find('.undo').focus()
  }
  find('.undo').onclick = async () => {
    const number = last
    speak('learning')
    const said = await post('undo', {number})
    if (said.code) return speak(`error_${said.code}`, {name: about.name(), ...said})
    await about.learnt(said)
    speak('taken_back', short(said))
    find('summary').focus()
  }
  draw()
  return {root, draw, details}
}

// ── On the page that answers ────────────────────────────────────────────────────────────────────────────────────────

async function onThePage() {
  const page = await import('../static/page.js'), {teach} = page.settings
  let labels = null
  const text = (key, values = {}) => page.settings.texts[page.language][key]?.replace(/\{(\w+)\}/g, (all, word) => values[word] ?? all)

  async function again(card) {                     // ask about a photo that has its answer already
    Object.assign(card, await page.ask(card.file, page.settings))
    card.state = card.error ? 'failed' : 'done'
    page.drawCard(card)
    if (card.answer) await page.showPhoto(card)
  }
  async function learnt(said, card) {              // the photo in question first, then all others
    Object.assign(page.settings.texts, said.texts)
    labels = said.labels
    await again(card)
    page.drawAll()
    for (const other of [...page.cards]) if (other != card && other.answer) again(other)
  }
  document.addEventListener('card', ({detail: card}) => {
    if (!card.answer) return
    labels ??= Object.keys(card.answer.probabilities).sort()
    card.question ??= question({text, nameOf: page.nameOf, labels: () => labels, said: () => card.answer.label, folder: teach.folder, photo: () => card.file,
                                name: () => card.file.name ?? text('photo'), learnt: said => learnt(said, card), say: page.say})
    if (!card.question.root.isConnected) card.item.querySelector('.words').append(card.question.root)
    card.question.draw()
  })
}
if (document.querySelector('script[src="static/page.js"]')) onThePage()
