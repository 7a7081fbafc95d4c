// The probabilities of an answer as rows of a table, the five most likely first; for each page that shows an answer.
export function bars(probabilities, nameOf, percent) {
  return Object.entries(probabilities).sort((a, b) => b[1] - a[1]).slice(0, 5).map(([label, p]) => {
    const row = document.createElement('tr'), name = document.createElement('th'), rail = document.createElement('div')
    name.scope = 'row'
    name.textContent = nameOf(label)
    rail.className = 'rail'
    rail.append(document.createElement('div'))
    rail.firstChild.style.width = 100*p + '%'
    row.append(name)
    row.insertCell().append(rail)
    row.insertCell().textContent = percent(p)
    return row
  })
}
