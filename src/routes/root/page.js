// Asks this page's own address for JSON and shows it: the state, and rates made of the differences
// between two answers. Asks nothing while paused or out of sight.
'use strict'
const EVERY = 2, WINDOW = 10, SPAN = 300, TIMEOUT = 4, PATIENCE = 15 // in seconds

const VERDICTS = {
  healthy: 'Ready', degraded: 'Ready, degraded', starting: 'Starting', unhealthy: 'Not ready', draining: 'Draining',
}
let last, lastAt, goneSince // the last answer, when it came, and since when there is none
let samples, points // counters of the last seconds; what is drawn
let timer, isPaused = false

const $ = id => document.getElementById(id)
const clock = time => new Date(time).toTimeString().slice(0, 8)
const digits = number => number.toLocaleString('en', { maximumSignificantDigits: 3 })
const duration = ms => ms <= .5 ? '< 0.5' : digits(ms) // the histogram's first bucket
const count = (number, noun) => `${number.toLocaleString('en')} ${noun}${number == 1 ? '' : 's'}`

// Only what changes is written: a reader's selection stays, and a screen reader hears no repetition.
function write(node, text) {
  if (node.textContent != text) node.textContent = text
}

async function tick() {
  clearTimeout(timer)
  if (isPaused || document.hidden) return
  try {
    const answer = await fetch(location.origin + location.pathname, {
      headers: { accept: 'application/json' },
      cache: 'no-store', // else "back" may show the JSON in place of the page
      signal: AbortSignal.timeout(TIMEOUT * 1000),
    })
    if (!answer.ok) throw answer.status
    take(await answer.json(), Date.now())
  } catch (error) {
    miss(error, Date.now())
  }
  clearTimeout(timer)
  // The second answer makes the first rate, so it is asked for soon.
  timer = setTimeout(tick, (points?.length ? EVERY : EVERY / 4) * 1000)
}

function miss(error, now) {
  goneSince ??= now
  const why = error > 0 ? `Answered with status ${error}`
    : error instanceof SyntaxError ? 'Something else has answered' : 'The server has been silent'
  document.body.dataset.state = 'gone'
  write($('verdict'), 'No answer')
  write($('reason'), `${why} since ${clock(goneSince)}; asking again every ${EVERY} seconds. ` +
    (last ? `Below is what was known at ${clock(lastAt)}.` : ''))
  write($('note'), '')
  if (last) draw(now)
}

function take(answer, now) {
  // Behind an address that several pods share, the page stays with one: figures of two do not mix.
  const isOther = last && answer.pod != last.pod
  if (isOther && !goneSince && now - lastAt < PATIENCE * 1000) return
  const isNew = !last || isOther ||
    Math.abs(Date.parse(answer.started_at) - Date.parse(last.started_at)) > 2000
  if (isNew) {
    samples = []
    points = []
    document.querySelector('tbody').replaceChildren()
  }
  const changes = []
  if (goneSince) changes.push(`Back after ${Math.round((now - goneSince) / 1000)} s without an answer`)
  if (last && isNew) changes.push(isOther ? 'another pod answers now' : 'it was started again')
  if (changes.length) write($('note'), `${clock(now)}: ${changes.join('; ')}.`)
  goneSince = undefined
  last = answer
  lastAt = now
  sample(answer.requests, now)
  tell(answer)
  list(answer.health.services)
  draw(now)
}

function sample({ total, server_errors: errors, duration_seconds: { buckets } }, now) {
  if (samples.length && now - samples.at(-1).now > WINDOW * 1000) samples = []
  samples.push({ now, total, errors, buckets })
  while (now - samples[1]?.now >= WINDOW * 1000) samples.shift()
  const from = samples[0]
  const requests = total - from.total
  if (now > from.now) {
    points.push({
      now,
      rate: requests / (now - from.now) * 1000,
      errors: requests && (errors - from.errors) / requests * 100,
      latency: quantile(.95, from.buckets, buckets),
      median: quantile(.5, from.buckets, buckets),
    })
  }
  points = points.filter(point => now - point.now < SPAN * 1000)
}

// In milliseconds, as Prometheus' histogram_quantile has it.
function quantile(q, from, to) {
  const counts = to.map(([, upTo], index) => upTo - from[index][1])
  const rank = q * counts.at(-1)
  const index = counts.findIndex(upTo => upTo >= rank)
  const floor = +(to[index - 1]?.[0] ?? 0), below = counts[index - 1] ?? 0
  const width = to[index][0] == '+Inf' ? 0 : to[index][0] - floor
  return 1000 * (floor + width * ((rank - below) / (counts[index] - below) || 0))
}

function tell({ name, version, health, requests, uptime_seconds: up, ...more }) {
  const state = health.status
  // By weight, which happens to be the order of the alphabet: critical, important, optional.
  const ill = Object.entries(health.services).filter(([, service]) => service.status != 'healthy')
    .sort(([, a], [, b]) => a.criticality < b.criticality ? -1 : 1)
  const reasons = ill.map(([id, { criticality, message }]) => `${id} (${criticality}): ${message}`)
  document.body.dataset.state = state
  document.title = more.pod ?? name
  write(document.querySelector('h1'), name)
  write($('version'), version)
  write($('refreshed'), `as of ${clock(lastAt)}`)
  write($('verdict'), VERDICTS[state])
  write($('reason'),
    state == 'draining' ? 'It was told to stop: no new requests should come, those in flight are finished.'
    : reasons.length ? reasons.join('; ') + '.'
    : Object.keys(health.services).length ? 'Every dependency answers in time.' : 'It depends on nothing else.')
  write($('uptime'),
    up < 60 ? `${up} s`
    : up < 3600 ? `${up / 60 | 0} min ${up % 60} s`
    : up < 86400 ? `${up / 3600 | 0} h ${up / 60 % 60 | 0} min`
    : `${up / 86400 | 0} d ${up / 3600 % 24 | 0} h`)
  for (const id of ['pod', 'node', 'revision', 'target', 'log_level', 'connections']) write($(id), more[id] ?? 'not set')
}

function list(services) {
  const body = document.querySelector('tbody'), names = Object.keys(services)
  document.querySelector('table').hidden = !names.length
  $('none').hidden = names.length
  names.forEach((name, index) => {
    const { status, criticality, message, latency_ms: latency, last_check: checked } = services[name]
    const row = body.rows[index] ??
      body.appendChild(document.querySelector('template').content.firstChild.cloneNode(true))
    row.dataset.state = status
    const texts = [name, criticality, status, message == 'ok' ? `at ${clock(checked)}` : message]
    row.querySelectorAll('span, small').forEach((node, at) => write(node, texts[at]))
    write(row.lastElementChild, latency == null ? '–' : `${digits(latency)} ms`)
  })
}

function draw(now) {
  const { total, server_errors: errors, in_flight: inFlight } = last.requests
  const median = points.at(-1)?.median
  chart('rate', now, 'per second', `${count(total, 'request')} so far, ${inFlight} in flight`)
  chart('errors', now, 'percent', `${count(errors, 'answer')} with 5xx so far`)
  chart('latency', now, 'milliseconds', median == null ? '' : `Median ${duration(median)} ms`)
}

function chart(id, now, unit, more) {
  const section = $(id), value = points.at(-1)?.[id]
  const highest = Math.max(1, ...points.map(point => point[id]))
  const power = 10 ** Math.floor(Math.log10(highest))
  const top = [1, 1.5, 2, 3, 5, 7, 10].find(step => step * power >= highest) * power
  const at = point => `${(SPAN - (now - point.now) / 1000).toFixed(1)} ${(60 - 60 * point[id] / top).toFixed(1)}`
  // A line for each stretch without a gap.
  const stretches = []
  points.forEach((point, index) => {
    if (!index || point.now - points[index - 1].now > WINDOW * 1000) stretches.push([])
    stretches.at(-1).push(point)
  })
  const paths = section.querySelectorAll('path')
  const lines = stretches.map(stretch => stretch.map(at).join('L'))
  paths[1].setAttribute('d', lines.map((line, index) =>
    `M${at({ ...stretches[index][0], [id]: 0 })}L${line}V60Z`).join(''))
  paths[2].setAttribute('d', lines.map(line => `M${line}`).join(''))
  paths[3].setAttribute('d', value == null ? '' : `M${at(points.at(-1))}h0`)
  const reading = value == null ? '–' : (id == 'latency' ? duration : digits)(value)
  write(section.querySelector('b'), reading)
  write(section.querySelector('i'), digits(top))
  write(section.querySelector('.more'), more)
  section.querySelector('svg').setAttribute('aria-label',
    `Last five minutes, ${unit}: now ${reading}, scale up to ${digits(top)}`)
}

$('pause').addEventListener('click', () => {
  isPaused = !isPaused
  write($('pause'), isPaused ? 'Resume' : 'Pause')
  tick()
})
document.addEventListener('visibilitychange', tick)
tick()
