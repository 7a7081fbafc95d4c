// A photo becomes the square that the model sees: the same pixels that Python makes of it (`pixels` in photo.py).
// The browser unpacks and turns the photo. Everything after that is whole-number arithmetic, written after Pillow's.

export class Refused extends Error {               // `code` as in PhotoError: the page has a sentence for it
  constructor(code) { super(code); this.code = code }
}

// ── Opening ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const text = (bytes, from, to) => String.fromCharCode(...bytes.subarray(from, to))
const HEIC = ['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'mif1', 'msf1']

function kindOf(start) {                           // what a file is, from how it begins
  if (start[0] == 0xff && start[1] == 0xd8 && start[2] == 0xff) return 'jpeg'
  if (text(start, 4, 8) == 'ftyp') return HEIC.includes(text(start, 8, 12)) ? 'heic' : 'other'
  const others = ['\x89PNG', 'GIF8', 'RIFF', 'BM']
  return others.some(name => text(start, 0, name.length) == name) ? 'other' : 'unknown'
}

export async function open(file, settings) {       // {bitmap, isJpeg}; throws Refused
  if (!file.size) throw new Refused('empty')
  if (file.size > settings.photo_bytes) throw new Refused('size')
  const kind = kindOf(new Uint8Array(await file.slice(0, 32).arrayBuffer()))
  const unreadable = kind == 'heic' || kind == 'unknown' ? kind : 'damaged'
  await checkSize(file, settings.pixels, unreadable)
  if (kind == 'jpeg' && !await isWhole(file)) throw new Refused('damaged')
  // `none`: colours as they are in the file, as Pillow reads them, and not as a colour profile would have them
  const how = {imageOrientation: 'from-image', colorSpaceConversion: 'none', premultiplyAlpha: 'none'}
  const asItComes = () => createImageBitmap(file)  // some browsers do not know these wishes
  const bitmap = await createImageBitmap(file, how).catch(asItComes).catch(() => { throw new Refused(unreadable) })
  return {bitmap, isJpeg: kind == 'jpeg'}
}

async function checkSize(file, most, unreadable) { // before the pixels are unpacked: the size stands at the beginning
  const url = URL.createObjectURL(file), image = new Image()
  try {
    await new Promise((ok, failed) => Object.assign(image, {src: url, onload: ok, onerror: () => failed(new Refused(unreadable))}))
    if (image.naturalWidth*image.naturalHeight > most) throw new Refused('pixels')
  } finally {
    URL.revokeObjectURL(url)
  }
}

async function isWhole(file) {                     // browsers show what there is of half a JPEG; its last mark says that it is all there
  const data = new Uint8Array(await file.arrayBuffer())
  let at = 2
  while (at + 3 < data.length && data[at] == 0xff && data[at + 1] != 0xda) {   // over the notes before the picture
    const isFiller = data[at + 1] == 0xff
    at += isFiller ? 1 : 2 + 256*data[at + 2] + data[at + 3]
  }
  for (let end = data.indexOf(0xd9, at); end > 0; end = data.indexOf(0xd9, end + 1))
    if (data[end - 1] == 0xff) return true
  return false
}

// ── The square ──────────────────────────────────────────────────────────────────────────────────────────────────────

export function toSquare(picture, isJpeg, {size, resize, draft}) {   // Uint8Array (size*size*3)
  const {width, height} = picture, by = isJpeg && resize == 'half' ? draftOf(width, height, Math.trunc(draft*size)) : 1
  const image = read(picture, by), [left, top, right, bottom] = boxOf(image.width, image.height, resize)
  const bell = resize == 'half' ? hamming : triangle
  const across = weights(image.width, left, right, size, bell), down = weights(image.height, top, bottom, size, bell)
  const isTall = image.height > size && image.height - size > 2*(image.width - size)   // Pillow's own rule, since 2026
  const square = isTall ? narrower(lower(image, down), across) : lower(narrower(image, across), down)
  return square.data
}

export function boxOf(width, height, resize) {     // left, top, right, bottom: `middle_box` and `middle_square` in photo.py
  if (resize == 'squish') return [0, 0, width, height]
  const side = Math.min(width, height), half = (width + height)/2
  if (resize == 'crop') {
    const left = Math.floor((width - side)/2), top = Math.floor((height - side)/2)
    return [left, top, left + side, top + side]
  }
  const w = Math.min(width, half), h = Math.min(height, half)
  return [(width - w)/2, (height - h)/2, (width + w)/2, (height + h)/2]
}

const STRIP = 64                                   // rows that are read at a time; a multiple of 8

function read(picture, by) {                       // {data, width, height}: RGB, each side `by` times shorter
  const width = Math.ceil(picture.width/by), height = Math.ceil(picture.height/by), data = new Uint8Array(3*width*height)
  const brush = new OffscreenCanvas(picture.width, STRIP).getContext('2d', {willReadFrequently: true})
  brush.fillStyle = 'white'                        // behind what is see-through
  for (let y = 0; y < picture.height; y += STRIP) {
    const rows = Math.min(STRIP, picture.height - y)
    brush.fillRect(0, 0, picture.width, STRIP)
    brush.drawImage(picture, 0, -y)
    const strip = brush.getImageData(0, 0, picture.width, rows).data
    averages(strip, picture.width, rows, by, data.subarray(3*width*y/by))
  }
  return {data, width, height}
}

// ── As Pillow resizes ───────────────────────────────────────────────────────────────────────────────────────────────

const triangle = x => Math.abs(x) < 1 ? 1 - Math.abs(x) : 0

function hamming(x) {
  if (x == 0) return 1
  return Math.abs(x) >= 1 ? 0 : Math.sin(Math.PI*x)/(Math.PI*x)*(.54 + .46*Math.cos(Math.PI*x))
}

const BITS = 22, HALF = 1 << (BITS - 1)            // weights are whole numbers: 1 is 2 to the 22nd

export function weights(length, from, to, size, bell) {   // for each new place: where its old ones begin, and how much each counts
  const scale = (to - from)/size, wide = Math.max(scale, 1)
  return Array.from({length: size}, (_, place) => {
    const middle = from + (place + .5)*scale
    const first = Math.max(0, Math.trunc(middle - wide + .5)), last = Math.min(length, Math.trunc(middle + wide + .5))
    const exact = Array.from({length: last - first}, (_, i) => bell((first + i - middle + .5)/wide))
    const sum = exact.reduce((a, b) => a + b, 0)
    return {first, counts: Int32Array.from(exact, one => Math.floor(.5 + one/sum*2**BITS))}
  })
}

function narrower({data, width, height}, across) { // as wide as there are weights
  const out = new Uint8Array(3*across.length*height)
  for (let y = 0, o = 0; y < height; y++)
    for (const {first, counts} of across) {
      let red = HALF, green = HALF, blue = HALF
      for (let i = 0, at = 3*(y*width + first); i < counts.length; i++, at += 3) {
        red += data[at]*counts[i]
        green += data[at + 1]*counts[i]
        blue += data[at + 2]*counts[i]
      }
      out[o++] = red >> BITS
      out[o++] = green >> BITS
      out[o++] = blue >> BITS
    }
  return {data: out, width: across.length, height}
}

function lower({data, width}, down) {              // as many rows as there are weights
  const row = 3*width, out = new Uint8Array(row*down.length)
  down.forEach(({first, counts}, y) => {
    for (let x = 0; x < row; x++) {
      let sum = HALF
      for (let i = 0, at = first*row + x; i < counts.length; i++, at += row) sum += data[at]*counts[i]
      out[y*row + x] = sum >> BITS
    }
  })
  return {data: out, width, height: down.length}
}

// ── As a JPEG is unpacked smaller ───────────────────────────────────────────────────────────────────────────────────
// Python has a big JPEG unpacked at a half, a quarter or an eighth of its size (`draft`), which no browser offers. In
// libjpeg-turbo, which Pillow brings, each pixel of the smaller one is the average of a square of the large one.

export function draftOf(width, height, least) {    // 8, 4, 2 or 1: by how much a JPEG of this size may be unpacked smaller
  const scale = least/Math.min(width, height)
  if (scale >= 1) return 1
  const times = side => Math.floor(side/Math.max(1, Math.round(side*scale)))
  return [8, 4, 2, 1].find(by => Math.min(times(width), times(height)) >= by)
}

function averages(data, width, rows, by, out) {    // rows of RGBA -> RGB, each side `by` times shorter
  const w = Math.ceil(width/by), sums = new Uint16Array(3*w)
  for (let y = 0; y*by < rows; y++) {
    sums.fill(by*by/2)                             // so that the end rounds
    for (let i = 0; i < by; i++) addRow(data, 4*width*Math.min(rows - 1, y*by + i), width, by, sums)
    for (let x = 0; x < 3*w; x++) out[3*w*y + x] = Math.floor(sums[x]/(by*by))
  }
}

function addRow(data, row, width, by, sums) {      // a row of RGBA that begins at `row`; at the edge, the last pixel counts again
  const whole = Math.ceil(width/by)*by
  for (let x = 0; x < whole; x++) {
    const at = row + 4*Math.min(width - 1, x), to = 3*Math.floor(x/by)
    sums[to] += data[at]
    sums[to + 1] += data[at + 1]
    sums[to + 2] += data[at + 2]
  }
}
