// What the page shows of a server that is well, and that it shows the truth.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { browse, eventually, load, open, peer, serve } from './support.js'

let browser, database, server
before(async () => {
  browser = await browse()
  database = await peer()
  server = await serve({
    POD_NAME: 'pcf-api-7d9f8b6c5-x2lkq', NODE_NAME: 'node-3', REVISION: '4f1c2ab',
    DATABASE_URL: database.url().replace('//', '//app:hunter2@'),
    DEPENDENCIES__CACHE__URL: 'tcp://127.0.0.1:1',
    DEPENDENCIES__CACHE__CRITICALITY: 'optional',
    DEPENDENCIES__CACHE__GRACE: '0s',
  })
})
after(async () => {
  await browser?.close()
  await server?.end()
  await database?.down()
})

test('what is running, where, since when, and how it is', async () => {
  const page = await open(browser, server.url)
  const { version, target } = await server.json()
  await page.shows('#verdict', 'Ready')
  await page.shows('#reason', 'cache (optional): connection refused.')
  await page.shows('h1', 'pcf-api')
  await page.shows('#version', version)
  await page.shows('#target', target)
  await page.shows('#pod', 'pcf-api-7d9f8b6c5-x2lkq')
  await page.shows('#node', 'node-3')
  await page.shows('#revision', '4f1c2ab')
  await page.shows('#log_level', 'info')
  await page.shows('#uptime', /^\d+ s$/)
  const uptime = await page.textContent('#uptime')
  await eventually('uptime goes on', async () => await page.textContent('#uptime') !== uptime)
  assert.equal(await page.title(), 'pcf-api-7d9f8b6c5-x2lkq')
  await page.context().close()
})

test('each dependency with its state, criticality and latency, and nothing of its URL', async () => {
  const page = await open(browser, server.url)
  await page.shows('tbody tr:nth-child(1)', /^cache\s*optional\s*unhealthy\s*connection refused\s*[\d.]+ ms$/)
  await page.shows('tbody tr:nth-child(2)', /^database\s*critical\s*healthy\s*at \d\d:\d\d:\d\d\s*[\d.]+ ms$/)
  const all = await page.content() + JSON.stringify(await server.json())
  for (const secret of ['hunter2', 'app:', 'tcp:', ':1/', new URL(database.url()).port]) {
    assert.ok(!all.includes(secret), secret)
  }
  await page.context().close()
})

test('rate, errors and latency are those of the requests that were sent', async t => {
  const page = await open(browser, server.url)
  const stop = load(server, '/version', 50)
  t.after(stop)
  // The page's rates are those of ten seconds and a look or two.
  await sleep(6000)
  const before = stop.count
  await sleep(10_000)
  const sent = (stop.count - before) / 10
  const shown = +await page.textContent('#rate b')
  assert.ok(Math.abs(shown / sent - 1) < .15, `${sent} a second are sent, ${shown} shown`)
  await page.shows('#errors b', '0')
  await page.shows('#latency b', /^(< 0\.5|[\d.]+)$/)
  await page.shows('#rate .more', /^[\d,]+ requests so far, \d+ in flight$/)
  await eventually('lines of three points and more', async () => {
    const lines = await page.$$eval('path:nth-child(3)', paths => paths.map(path => path.getAttribute('d')))
    return lines.length === 3 && lines.every(line => /^M[\d.]+ [\d.]+(L[\d.]+ [\d.]+){2,}$/.test(line))
  })
  assert.match(await page.getAttribute('#rate svg', 'aria-label'), /^Last five minutes, per second: now [\d.]+, scale up to \d+$/)
  stop()
  await page.shows('#rate b', /^0\.\d+$/, 25)

  // Refusals by readiness are 5xx like any other.
  await database.down()
  await page.shows('#verdict', 'Not ready')
  const refuse = load(server, '/health/ready', 20)
  t.after(refuse)
  await eventually('errors', async () => +await page.textContent('#errors b') > 80, 25)
  refuse()
  await database.up()
  // After so long the next check may be ten seconds away, and another one if that is slow.
  await page.shows('#verdict', 'Ready', 30)
  await page.shows('#errors .more', /^[1-9][\d,]* answers with 5xx so far$/)
  await page.context().close()
})

test('it asks nobody else, and the console stays silent', async () => {
  const page = await open(browser, server.url)
  await eventually('four answers', () => page.asked.length > 4)
  assert.deepEqual(new Set(page.asked), new Set([server.url]))
  assert.deepEqual(page.said, [])
  await page.context().close()
})

test('a server without dependencies, pod or revision says so', async () => {
  const bare = await serve()
  const page = await open(browser, bare.url)
  await page.shows('#verdict', 'Ready')
  await page.shows('#reason', 'It depends on nothing else.')
  await page.shows('#revision', 'not set')
  assert.ok(await page.isVisible('#none'))
  assert.ok(!await page.isVisible('table'))
  await page.context().close()
  await bare.end()
})

test('without JavaScript the page says where the figures are', async () => {
  const page = await open(browser, server.url, { javaScriptEnabled: false })
  assert.ok(await page.isVisible('noscript'))
  assert.match(await page.textContent('noscript'), /Accept: application\/json/)
  await page.context().close()
})
