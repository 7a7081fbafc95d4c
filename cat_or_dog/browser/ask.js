// Whom the page asks: the model itself, which runs here, in the visitor's browser. No photo leaves it.
// The same answer as Python's `describe` (page.py), from the same numbers as `prediction_with_heat` (prediction.py).
import {Refused, toSquare, open} from './square.js'

let model = null                                   // the promise of {ort, session}

export function prepare(settings) {                // brings the model here, once; then it answers without a network, too
  if (!model) {
    model = load(settings)
    model.then(keepForOffline, () => { model = null })   // what failed may be tried again
  }
  return model
}

const keepForOffline = () => navigator.serviceWorker?.register('sw.js').catch(() => {})   // some browsers forbid it in private windows

// ── Bringing the model here ─────────────────────────────────────────────────────────────────────────────────────────
// Each file is what its hash says, or is not used: a page and a model of two different exports never meet.

async function load({runtime, model}) {
  const [ort, wasm, graph] = await Promise.all([load_module(runtime.module), bytes(runtime.wasm), bytes(model)])
  ort.env.wasm.numThreads = 1                      // more would need headers that a plain file server does not send
  ort.env.wasm.wasmBinary = wasm
  ort.env.logLevel = 'error'                       // its warnings are for those who made the graph
  const session = await ort.InferenceSession.create(graph, {executionProviders: ['wasm'], logSeverityLevel: 3})
  return {ort, session}
}

async function bytes({address, integrity}) {
  const answer = await fetch(address, {integrity})
  if (!answer.ok) throw new Error(`${address}: HTTP ${answer.status}`)
  return new Uint8Array(await answer.arrayBuffer())
}

async function load_module({address, integrity}) { // as an element first, since only an element checks its integrity
  await new Promise((loaded, failed) => {
    const script = document.createElement('script')
    Object.assign(script, {type: 'module', src: address, integrity, crossOrigin: 'anonymous', onload: loaded})
    script.onerror = () => failed(new Error(`${address}: it cannot be loaded`))
    document.head.append(script)
  })
  return import(new URL(address, document.baseURI))   // the very module that was checked: a browser loads an address once
}

// ── Answering ───────────────────────────────────────────────────────────────────────────────────────────────────────

let before = Promise.resolve()                     // one photo after the other: there is one model, with one thread

function inTurn(work) {
  const result = before.then(work)
  before = result.catch(() => {})
  return result
}

export async function ask(file, settings) {        // {answer} or {error}
  try {
    await prepare(settings)
  } catch {
    return {error: 'connection'}
  }
  try {
    return {answer: await inTurn(() => lookAt(file, settings))}
  } catch (error) {
    return {error: error instanceof Refused ? error.code : 'model'}
  }
}

export async function watch(video, settings) {     // what the model says to the picture that a camera shows now, or null
  try {
    const frame = await createImageBitmap(video)
    const said = inTurn(() => answer(toSquare(frame, false, settings), settings))
    return await said.finally(() => frame.close())
  } catch {
    return null
  }
}

async function lookAt(file, settings) {
  const {bitmap, isJpeg} = await open(file, settings)
  try {
    return await answer(toSquare(bitmap, isJpeg, settings), settings)
  } finally {
    bitmap.close()
  }
}

async function answer(square, settings) {
  const {ort, session} = await prepare(settings), {size, labels} = settings
  const photo = new ort.Tensor('uint8', square, [1, size, size, 3])
  const wanted = ['probabilities', 'belonging', 'heat'].filter(name => session.outputNames.includes(name))
  const found = await session.run({[session.inputNames[0]]: photo}, wanted)
  const probabilities = [...found.probabilities.data]
  check(probabilities, labels)
  const best = probabilities.indexOf(Math.max(...probabilities))
  const each = Object.fromEntries(labels.map((label, i) => [label, probabilities[i]]))
  const said = {label: labels[best], probability: probabilities[best], probabilities: each, resize: settings.resize}
  return {...said, verdict: verdict(said.probability, found.belonging, settings), heat: light(found.heat, best)}
}

function check(probabilities, labels) {            // a damaged model may answer nonsense
  const sum = probabilities.reduce((a, b) => a + b, 0)
  if (probabilities.length != labels.length || !(Math.abs(sum - 1) < 1e-3)) throw new Error('these are no probabilities')
}

function verdict(probability, belonging, {threshold, unsure}) {
  if (threshold !== null && belonging && belonging.data[0] < threshold) return 'neither'
  return probability < unsure ? 'unsure' : 'sure'
}

function light(heat, best) {                       // rows of numbers from 0 to 1: how strongly each place speaks for the label
  if (!heat) return null
  const [, , rows, columns] = heat.dims, values = heat.data.subarray(best*rows*columns, (best + 1)*rows*columns)
  const most = Math.max(1e-9, ...values)
  return Array.from({length: rows}, (_, y) => Array.from(values.subarray(y*columns, (y + 1)*columns), value => Math.max(0, value)/most))
}
