// What happens to a server while someone looks: dependencies fall, it drains, it goes, it comes back.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { browse, eventually, open, peer, proxy, serve } from './support.js'

let browser
before(async () => { browser = await browse() })
after(() => browser?.close())

test('a dependency goes down and comes back', async t => {
  const [database, search] = [await peer(), await peer()]
  const server = await serve({
    DATABASE_URL: database.url(),
    DEPENDENCIES__SEARCH__URL: search.url(),
    DEPENDENCIES__SEARCH__CRITICALITY: 'important',
  })
  t.after(() => Promise.all([server.end(), database.down(), search.down()]))
  const page = await open(browser, server.url)
  await page.shows('#verdict', 'Ready')
  await page.shows('#reason', 'Every dependency answers in time.')
  await search.down()
  await page.shows('#verdict', 'Ready, degraded')
  await database.down()
  await page.shows('#verdict', 'Not ready')
  await page.shows('#reason', 'database (critical): connection refused; search (important): connection refused.')
  assert.deepEqual(await page.$$eval('tbody tr', rows => rows.map(row => row.dataset.state)), ['unhealthy', 'unhealthy'])
  await database.up()
  await search.up()
  // The next check may be ten seconds away, and another one if that is slow.
  await page.shows('#verdict', 'Ready', 30)
  assert.deepEqual(page.said, [])
})

test('a dependency that has not answered yet', async t => {
  const server = await serve({ DATABASE_URL: 'tcp://127.0.0.1:1' })
  t.after(() => server.end())
  const page = await open(browser, server.url)
  await page.shows('#verdict', 'Starting')
  await page.shows('#reason', 'database (critical): connection refused.')
})

test('it drains, it is gone, it is back, and each is said', async t => {
  const server = await serve({ SERVER__DRAIN_DELAY: '8s' })
  const page = await open(browser, server.url)
  await page.shows('#verdict', 'Ready')
  const ended = server.end('SIGTERM')
  await page.shows('#verdict', 'Draining')
  await page.shows('#reason', /^It was told to stop/)
  await ended
  await page.shows('#verdict', 'No answer')
  await page.shows('#reason', /^The server has been silent since [\d:]{8}; asking again every 2 seconds\. Below is what was known at [\d:]{8}\.$/)
  // Who listens hears it too.
  assert.equal(await page.getAttribute('div:has(> #verdict)', 'role'), 'status')
  const back = await serve({ SERVER__PORT: String(server.port) })
  t.after(() => back.end())
  await page.shows('#verdict', 'Ready')
  await page.shows('#note', /^[\d:]{8}: Back after \d+ s without an answer; it was started again\.$/)
  await page.shows('#rate b', /^\d/)
  const complaints = page.said.filter(line => !line.includes('Failed to load resource'))
  assert.deepEqual(complaints, [], 'the browser tells of the connection, the page of nothing')
})

test('a server that stands still counts as gone', async t => {
  const server = await serve()
  t.after(() => server.end())
  const page = await open(browser, server.url)
  await page.shows('#verdict', 'Ready')
  server.signal('SIGSTOP')
  await page.shows('#verdict', 'No answer')
  server.signal('SIGCONT')
  await page.shows('#verdict', 'Ready')
  await page.shows('#note', /^[\d:]{8}: Back after \d+ s without an answer\.$/)
})

test('something else answers at the address', async t => {
  const server = await serve()
  let isLogin = false
  const front = await proxy(() => server.port, body => isLogin ? '<h1>Log in</h1>' : body)
  t.after(front.end)
  const page = await open(browser, front.url)
  await page.shows('#verdict', 'Ready')
  isLogin = true
  await page.shows('#reason', /^Something else has answered since /)
  isLogin = false
  await page.shows('#verdict', 'Ready')
  await server.end()
  await page.shows('#reason', /^Answered with status 502 since /)
})

test('behind an address that two pods share it stays with one, until that is gone', async t => {
  const pods = [await serve({ POD_NAME: 'pod-a' }), await serve({ POD_NAME: 'pod-b' })]
  let turn = 0, isOnly = false
  const front = await proxy(() => pods[isOnly ? 1 : turn++ % 2].port)
  t.after(() => Promise.all([...pods.map(pod => pod.end()), front.end()]))
  const page = await open(browser, front.url)
  await page.shows('#pod', /^pod-[ab]$/)
  const first = await page.textContent('#pod')
  for (let look = 0; look < 40; look++) {
    assert.equal(await page.textContent('#pod'), first)
    await sleep(200)
  }
  if (first === 'pod-b') pods.reverse()
  isOnly = true
  await page.shows('#pod', first === 'pod-a' ? 'pod-b' : 'pod-a', 25)
  await page.shows('#note', /another pod answers now\.$/)
})

test('nothing is asked while it is paused or out of sight', async t => {
  const server = await serve()
  t.after(() => server.end())
  const page = await open(browser, server.url)
  await page.shows('#rate b', /^\d/)
  const isSilent = async () => {
    await sleep(500)
    const before = page.asked.length
    await sleep(5000)
    assert.equal(page.asked.length, before)
  }
  await page.click('#pause')
  await page.shows('#pause', 'Resume')
  await isSilent()
  await page.click('#pause')
  const resumed = page.asked.length
  await eventually('it asks again', () => page.asked.length > resumed)
  // A headless browser has no tab that could be put behind another; the event is a real one's.
  const see = isHidden => page.evaluate(isHidden => {
    Object.defineProperty(document, 'hidden', { configurable: true, value: isHidden })
    document.dispatchEvent(new Event('visibilitychange'))
  }, isHidden)
  await see(true)
  await isSilent()
  const hidden = page.asked.length
  await see(false)
  // Else it would ask after two seconds.
  await eventually('it asks at once', () => page.asked.length > hidden, 1.8)
})
