// Live figures of the lesson: a map with a line to move, gradient descent beside its loss landscape, a threshold to slide.
// One function, no other file, no other host. `root` is an element with a still picture in it, `data` what Python wrote.
function liveFigure(root, data) {
  'use strict';
  const words = data.words;

  // ---- small helpers for the page ----
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const slider = (label, min, max, step, value, onInput) => {
    const input = make('input', {type: 'range', min, max, step, value, 'aria-label': label, style: 'width:100%'});
    const name = make('span', {'aria-hidden': 'true'}, label);
    input.addEventListener('input', () => onInput(Number(input.value)));
    return {input, row: make('label', {style: 'display:block; margin:4px 0'}, name, input)};
  };
  const button = (label, onClick) => {
    const element = make('button', {type: 'button', style: 'margin:2px 6px 2px 0; padding:6px 12px; font-size:14px'}, label);
    element.addEventListener('click', onClick);
    return element;
  };
  const canvas = (label, side) => {
    const element = make('canvas', {role: 'img', 'aria-label': label, width: 2*side, height: 2*side,
      style: `width:100%; max-width:${side}px; aspect-ratio:1; touch-action:none; border:1px solid #8888; background:#fff`});
    return element;
  };
  const said = () => make('output', {'aria-live': 'polite', style: 'display:block; margin:6px 0; min-height:3em'});
  const percent = x => `${(100*x).toFixed(1)} %`;

  // ---- the learner: one weight a clue, and one more ----
  const n = data.points ? data.points.length : 0;
  const sum = (point, w) => point[0]*w[0] + point[1]*w[1] + w[2];
  const softplus = z => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));   // log(1 + e^z), for any z
  const sigmoid = z => z >= 0 ? 1/(1 + Math.exp(-z)) : Math.exp(z)/(1 + Math.exp(z));
  const loss = w => data.points.reduce((total, p, i) => total + softplus(data.labels[i] ? -sum(p, w) : sum(p, w)), 0)/n;
  const errors = w => data.points.filter((p, i) => (sum(p, w) > 0) !== Boolean(data.labels[i])).length;
  const gradient = w => {
    const g = [0, 0, 0];
    data.points.forEach((p, i) => {
      const off = (sigmoid(sum(p, w)) - data.labels[i])/n;
      g[0] += off*p[0]; g[1] += off*p[1]; g[2] += off;
    });
    return g;
  };

  // ---- drawing on a canvas whose middle is (0, 0) ----
  const plane = (element, reach) => {
    const pen = element.getContext('2d'), side = element.width, scale = side/(2*reach);
    const at = (x, y) => [side/2 + x*scale, side/2 - y*scale];
    const inverse = event => {
      const box = element.getBoundingClientRect();
      return [((event.clientX - box.left)/box.width*2 - 1)*reach, (1 - (event.clientY - box.top)/box.height*2)*reach];
    };
    return {pen, side, scale, at, inverse, reach};
  };
  const pictures = (data.pictures || []).map(source => Object.assign(new Image(), {src: source}));
  let showPictures = pictures.length > 0;
  const drawPoints = map => data.points.forEach((p, i) => {
    const [x, y] = map.at(p[0], p[1]), dog = data.labels[i], pen = map.pen, r = map.side/90;
    pen.fillStyle = data.colours[dog];
    if (showPictures && pictures[i].complete) {   // the drawing itself, in a frame of its colour
      const half = map.side/34;
      pen.fillRect(x - half - 3, y - half - 3, 2*half + 6, 2*half + 6);
      pen.drawImage(pictures[i], x - half, y - half, 2*half, 2*half);
      return;
    }
    pen.globalAlpha = 0.75;
    pen.beginPath();
    if (dog) { pen.moveTo(x, y - r*1.2); pen.lineTo(x + r*1.1, y + r); pen.lineTo(x - r*1.1, y + r); pen.closePath(); }
    else pen.arc(x, y, r, 0, 7);
    pen.fill();
    pen.globalAlpha = 1;
  });
  const drawSides = (map, w) => {   // the colour of a place: what the learner would say there
    const {pen, side, reach} = map, cells = 40, step = side/cells;
    for (let i = 0; i < cells; i++) for (let j = 0; j < cells; j++) {
      const x = ((i + .5)/cells*2 - 1)*reach, y = (1 - (j + .5)/cells*2)*reach, p = sigmoid(sum([x, y], w));
      pen.fillStyle = data.colours[p > .5 ? 1 : 0];
      pen.globalAlpha = Math.abs(p - .5)*.36;
      pen.fillRect(i*step, j*step, step, step);
    }
    pen.globalAlpha = 1;
  };
  const drawLine = (map, w) => {   // where the sum is 0
    const length = Math.hypot(w[0], w[1]);
    if (length < 1e-9) return;
    const [nx, ny] = [w[0]/length, w[1]/length], d = -w[2]/length, far = 3*map.reach, pen = map.pen;
    pen.lineWidth = 4; pen.strokeStyle = '#000'; pen.beginPath();
    pen.moveTo(...map.at(nx*d - ny*far, ny*d + nx*far));
    pen.lineTo(...map.at(nx*d + ny*far, ny*d - nx*far));
    pen.stroke();
  };
  const drawAxes = map => {
    const {pen, side} = map;
    pen.fillStyle = '#333'; pen.font = `${Math.round(side/32)}px sans-serif`; pen.textAlign = 'center';
    pen.fillText(data.axes[0] + ' →', side/2, side - 8);
    pen.save(); pen.translate(side/32, side/2); pen.rotate(-Math.PI/2); pen.fillText(data.axes[1] + ' →', 0, 6); pen.restore();
  };
  const drawMap = (map, w) => {
    map.pen.clearRect(0, 0, map.side, map.side);
    drawSides(map, w); drawPoints(map); drawLine(map, w); drawAxes(map);
  };

  // ---- 1. a line to move: you are the mechanism ----
  const figures = {};
  figures.line = () => {
    const state = {angle: data.start[0], place: data.start[1], sure: data.start[2]}, reach = data.reach;
    const element = canvas(words.map, 420), map = plane(element, reach), out = said();
    const weights = () => {
      const a = state.angle*Math.PI/180;
      return [state.sure*Math.cos(a), state.sure*Math.sin(a), -state.sure*state.place];
    };
    const draw = () => {
      const w = weights();
      drawMap(map, w);
      out.textContent = words.line.replace('{wrong}', errors(w)).replace('{n}', n).replace('{rate}', percent(errors(w)/n))
        .replace('{loss}', loss(w).toFixed(3));
    };
    const turn = slider(words.turn, -180, 180, 1, state.angle, v => { state.angle = v; draw(); });
    const push = slider(words.push, -reach, reach, 0.05, state.place, v => { state.place = v; draw(); });
    const sure = slider(words.sure, 0.2, 8, 0.1, state.sure, v => { state.sure = v; draw(); });
    let held = null;
    element.addEventListener('pointerdown', e => { held = map.inverse(e); element.setPointerCapture(e.pointerId); });
    element.addEventListener('pointerup', () => { held = null; });
    element.addEventListener('pointermove', e => {   // near the middle: push the line; far out: turn it
      if (!held) return;
      const now = map.inverse(e), a = state.angle*Math.PI/180;
      if (Math.hypot(...held) < reach/2) state.place += (now[0] - held[0])*Math.cos(a) + (now[1] - held[1])*Math.sin(a);
      else state.angle += (Math.atan2(now[1], now[0]) - Math.atan2(held[1], held[0]))*180/Math.PI;
      state.angle = (state.angle + 540) % 360 - 180;
      state.place = Math.max(-reach, Math.min(reach, state.place));
      held = now; turn.input.value = state.angle; push.input.value = state.place;
      draw();
    });
    draw();
    pictures.forEach(picture => { picture.onload = draw; });
    const tick = make('input', {type: 'checkbox', checked: ''});
    tick.addEventListener('change', () => { showPictures = tick.checked; draw(); });
    const choice = pictures.length ? [make('label', {}, tick, ' ' + words.pictures)] : [];
    return [make('div', {style: 'flex:1 1 300px'}, element),
      make('div', {style: 'flex:1 1 220px'}, out, turn.row, push.row, sure.row, ...choice)];
  };

  // ---- 2. the mechanism: gradient descent on two weights, beside the landscape of the loss ----
  figures.descent = () => {
    const element = canvas(words.map, 360), land = canvas(words.landscape, 360), out = said();
    const map = plane(element, data.reach), field = plane(land, data.weight_reach);
    const w3 = (a, b) => [a, b, 0];
    let path = [data.start], timer = null;
    const picture = document.createElement('canvas');   // the landscape is drawn once
    const paint = () => {
      const cells = 60;
      picture.width = picture.height = cells;
      const pen = picture.getContext('2d'), losses = [];
      for (let j = 0; j < cells; j++) for (let i = 0; i < cells; i++)
        losses.push(loss(w3(((i + .5)/cells*2 - 1)*field.reach, (1 - (j + .5)/cells*2)*field.reach)));
      const low = Math.min(...losses), high = Math.max(...losses);
      losses.forEach((value, k) => {
        const level = Math.sqrt((value - low)/(high - low)), band = Math.floor(level*12)/12;
        pen.fillStyle = `rgb(${235 - 165*band}, ${240 - 150*band}, ${245 - 105*band})`;
        pen.fillRect(k % cells, Math.floor(k/cells), 1, 1);
      });
    };
    const drawLand = () => {
      const {pen, side, at} = field, g = gradient(w3(...path[path.length - 1]));
      pen.imageSmoothingEnabled = false;
      pen.drawImage(picture, 0, 0, side, side);
      pen.strokeStyle = '#000'; pen.lineWidth = 3; pen.beginPath();
      path.forEach((w, i) => i ? pen.lineTo(...at(...w)) : pen.moveTo(...at(...w)));
      pen.stroke();
      const [x, y] = at(...path[path.length - 1]);
      pen.lineWidth = 6; pen.strokeStyle = data.colours[0];   // the two arrows: what nudging each weight says
      for (const [dx, dy] of [[-g[0], 0], [0, g[1]]]) {
        const far = [x + dx*side*.6, y + dy*side*.6], tip = side/50, [ux, uy] = [Math.sign(dx), Math.sign(dy)];
        if (Math.hypot(far[0] - x, far[1] - y) < tip) continue;   // too short to be seen
        pen.beginPath(); pen.moveTo(x, y); pen.lineTo(...far);
        pen.moveTo(far[0] - tip*(ux + uy), far[1] - tip*(uy + ux)); pen.lineTo(...far);
        pen.lineTo(far[0] - tip*(ux - uy), far[1] - tip*(uy - ux)); pen.stroke();
      }
      pen.fillStyle = '#000'; pen.beginPath(); pen.arc(x, y, side/60, 0, 7); pen.fill();
      pen.fillStyle = '#333'; pen.font = `${Math.round(side/30)}px sans-serif`; pen.textAlign = 'center';
      pen.fillText(words.weights[0] + ' →', side/2, side - 8);
      pen.save(); pen.translate(side/30, side/2); pen.rotate(-Math.PI/2); pen.fillText(words.weights[1] + ' →', 0, 6); pen.restore();
    };
    const draw = () => {
      const w = w3(...path[path.length - 1]), g = gradient(w);
      drawMap(map, w); drawLand();
      out.textContent = words.descent.replace('{step}', path.length - 1).replace('{loss}', loss(w).toFixed(3))
        .replace('{rate}', percent(errors(w)/n)).replace('{g1}', g[0].toFixed(3)).replace('{g2}', g[1].toFixed(3));
    };
    const rate = make('select', {'aria-label': words.rate, style: 'padding:5px; font-size:14px'},
      ...data.rates.map((r, i) => make('option', i === 1 ? {value: r, selected: ''} : {value: r}, String(r))));
    const step = () => {
      const w = path[path.length - 1], g = gradient(w3(...w));
      path.push([w[0] - rate.value*g[0], w[1] - rate.value*g[1]]);
      draw();
    };
    const stop = () => { clearInterval(timer); timer = null; out.setAttribute('aria-live', 'polite'); };
    const run = () => {
      stop();
      let left = 40;
      if (matchMedia('(prefers-reduced-motion: reduce)').matches) { while (left--) step(); return; }
      out.setAttribute('aria-live', 'off');   // a screen reader is told the end, not forty numbers
      timer = setInterval(() => { if (--left <= 0) stop(); step(); }, 80);
    };
    const again = () => { stop(); path = [data.start]; draw(); };
    rate.addEventListener('change', again);
    paint(); draw();
    return [make('div', {style: 'flex:1 1 260px'}, element), make('div', {style: 'flex:1 1 260px'}, land),
      make('div', {style: 'flex:1 1 100%'}, out, make('label', {}, words.rate + ' ', rate), ' ',
        button(words.step, () => { stop(); step(); }), button(words.run, run), button(words.again, again))];
  };

  // ---- 3. a threshold to slide: what is found, what is a false alarm ----
  figures.threshold = () => {
    const element = make('canvas', {role: 'img', 'aria-label': words.counts, width: 1200, height: 300,
      style: 'width:100%; max-width:600px; border:1px solid #8888; background:#fff'});
    const pen = element.getContext('2d'), out = said(), bins = 40;
    const counts = [Array(bins).fill(0), Array(bins).fill(0)];
    data.scores.forEach((s, i) => { counts[data.labels[i]][Math.min(bins - 1, Math.floor(s*bins))]++; });
    const top = Math.max(...counts[0], ...counts[1]);
    const draw = t => {
      pen.clearRect(0, 0, 1200, 300);
      for (const k of [0, 1]) counts[k].forEach((c, b) => {   // zeros hang down, ones stand up; the root shows small counts too
        const height = 130*Math.sqrt(c/top);
        pen.fillStyle = data.colours[k];
        pen.fillRect(b*30 + 2, k ? 150 - height : 150, 26, height);
      });
      pen.strokeStyle = '#000'; pen.lineWidth = 4; pen.beginPath(); pen.moveTo(t*1200, 0); pen.lineTo(t*1200, 300); pen.stroke();
      const says = data.scores.map(s => s >= t), is = data.labels;
      const found = says.filter((s, i) => s && is[i]).length, alarms = says.filter((s, i) => s && !is[i]).length;
      const there = is.filter(Boolean).length, right = says.filter((s, i) => s === Boolean(is[i])).length;
      out.textContent = words.threshold.replace('{t}', t.toFixed(2)).replace('{found}', found).replace('{there}', there)
        .replace('{alarms}', alarms).replace('{accuracy}', percent(right/is.length));
    };
    const control = slider(words.slide, 0, 1, 0.01, data.start, draw);
    draw(data.start);
    return [make('div', {style: 'flex:1 1 100%'}, element, control.row, out)];
  };

  const box = make('div', {style: 'display:flex; flex-wrap:wrap; gap:14px; align-items:flex-start; max-width:800px'});
  box.append(...figures[data.kind]());
  // Jupyter's own shortcuts must not take the keys of a control: ArrowLeft on a slider would fold up the page
  box.querySelectorAll('input, select, button').forEach(one => one.setAttribute('data-lm-suppress-shortcuts', 'true'));
  root.replaceChildren(box);
}
