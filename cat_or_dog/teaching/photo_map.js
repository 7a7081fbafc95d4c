// A map of photos: near to one another is what looks alike to the model. One function, no other file, no other host:
// the page that teaches loads it, and a notebook's output carries it along. `root` is an element, `data` what Python wrote:
// points (-1 to 1), labels (numbers), names, pictures (addresses), similar (numbers of photos), doubts (photo -> label), words.
function photoMap(root, data) {
  'use strict'
  const make = (tag, style, ...children) => {
    const element = document.createElement(tag)
    Object.assign(element.style, style)
    element.append(...children)
    return element
  }
  const text = (key, values = {}) => data.words[key].replace(/\{(\w+)\}/g, (all, word) => values[word] ?? all)
  const name = i => data.names[data.labels[i]], colour = i => data.colours[data.labels[i] % data.colours.length]
  const called = i => text('photo', {label: name(i), n: i + 1}) + (i in data.doubts ? ', ' + text('doubt', {label: data.doubts[i]}) : '')
  const picture = i => Object.assign(make('img', {width: '100%', height: '100%', objectFit: 'cover', display: 'block'}),
                                     {src: data.pictures[i], alt: '', loading: 'lazy', draggable: false})

  // ---- the legend: colours, and what the dashed frame means ----
  const legend = make('p', {display: 'flex', flexWrap: 'wrap', gap: '4px 16px', margin: '4px 0'})
  const swatch = (style, words) => make('span', {display: 'inline-flex', alignItems: 'center', gap: '6px'},
    make('span', {width: '14px', height: '14px', borderRadius: '4px', ...style}), words)
  data.names.forEach((label, i) => legend.append(swatch({background: data.colours[i % data.colours.length]}, label)))
  if (Object.keys(data.doubts).length) legend.append(swatch({border: '3px dashed currentColor'}, text('doubted')))

  // ---- the map ----
  const side = Math.max(6, Math.min(12, 60/Math.sqrt(data.points.length)))   // of a photo, in percent
  const plane = make('div', {position: 'relative', width: '100%', maxWidth: '640px', aspectRatio: '1', border: '1px solid #8888',
                             borderRadius: '12px', overflow: 'hidden'})
  plane.setAttribute('role', 'group')
  plane.setAttribute('aria-label', text('map'))
  const place = z => `${(1 + .88*z)*50 - side/2}%`
  const buttons = data.points.map(([x, y], i) => {
    const button = make('button', {position: 'absolute', left: place(x), top: place(-y), width: side + '%', height: side + '%', padding: 0,
                                   minHeight: 0, margin: 0, borderRadius: '8px', overflow: 'hidden', cursor: 'pointer', background: 'none',
                                   border: `3px ${i in data.doubts ? 'dashed' : 'solid'} ${colour(i)}`}, picture(i))
    button.type = 'button'
    button.tabIndex = i ? -1 : 0
    button.setAttribute('aria-label', called(i))
    button.title = called(i)
    button.onclick = () => choose(i)
    return button
  })
  plane.append(...buttons)

  // ---- one photo, and what is most like it ----
  const said = make('p', {margin: '8px 0', minHeight: '3em'}), row = make('ul', {display: 'flex', flexWrap: 'wrap', gap: '6px', padding: 0, margin: 0, listStyle: 'none'})
  said.setAttribute('aria-live', 'polite')
  said.textContent = text('press')
  function choose(i) {
    const near = data.similar[i]
    buttons.forEach((button, k) => {
      button.style.opacity = k == i || near.includes(k) ? 1 : .25
      button.style.zIndex = k == i ? 2 : near.includes(k) ? 1 : 0
      button.tabIndex = k == i ? 0 : -1
    })
    said.textContent = called(i) + '. ' + text('near', {labels: near.map(name).join(text('comma'))})
    row.replaceChildren(...near.map(k => make('li', {width: '72px', height: '72px', border: `3px solid ${colour(k)}`, borderRadius: '8px', overflow: 'hidden'},
                                              Object.assign(picture(k), {alt: called(k)}))))
  }
  plane.onkeydown = event => {                     // arrows: the nearest photo in that direction
    const step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]}[event.key], at = buttons.indexOf(document.activeElement)
    if (!step || at < 0) return
    event.preventDefault()
    const [x, y] = data.points[at]
    let best = -1, least = Infinity
    data.points.forEach(([u, v], k) => {
      const along = (u - x)*step[0] + (v - y)*step[1], across = Math.abs((u - x)*step[1]) + Math.abs((v - y)*step[0])
      if (k != at && along > 0 && along + 2*across < least) { best = k; least = along + 2*across }
    })
    if (best >= 0) { buttons[at].tabIndex = -1; buttons[best].tabIndex = 0; buttons[best].focus(); choose(best) }
  }
  root.replaceChildren(legend, plane, said, row)
}
