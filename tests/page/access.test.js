// Everyone can read it: in the dark, on a phone, with a keyboard, with a screen reader.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import axe from 'axe-core'
import { browse, open, serve } from './support.js'

let browser, server
before(async () => {
  browser = await browse()
  server = await serve({
    // The longest that the configuration takes, as well as the usual.
    POD_NAME: 'p'.repeat(200), REVISION: '4f1c2ab',
    DATABASE_URL: 'tcp://127.0.0.1:1',
    [`DEPENDENCIES__${'X'.repeat(40)}__URL`]: 'tcp://127.0.0.1:1',
    // It is starting until the last test, however long the others take.
    DEPENDENCIES__DATABASE__GRACE: '1h',
    [`DEPENDENCIES__${'X'.repeat(40)}__GRACE`]: '1h',
  })
})
after(async () => {
  await browser?.close()
  await server?.end()
})

// What axe-core finds: the rules of WCAG 2.2 AA and its own best practices.
async function findings(page) {
  await page.evaluate(axe.source)
  const { violations, passes } = await page.evaluate(() => axe.run())
  assert.ok(passes.length > 15, 'axe has looked')
  return violations.flatMap(rule => rule.nodes.map(node => `${rule.id}: ${node.html}: ${node.failureSummary}`))
}

for (const colorScheme of ['light', 'dark']) {
  for (const width of [320, 1280]) {
    test(`axe finds nothing, ${colorScheme}, ${width} px`, async () => {
      const page = await open(browser, server.url, { colorScheme, viewport: { width, height: 800 } })
      await page.shows('#rate b', /^\d/)
      assert.deepEqual(await findings(page), [])
      await page.context().close()
    })
  }

  test(`axe finds nothing when the server is gone, ${colorScheme}`, async () => {
    const short = await serve({ DATABASE_URL: 'tcp://127.0.0.1:1' })
    const page = await open(browser, short.url, { colorScheme })
    await page.shows('#rate b', /^\d/)
    await short.end()
    await page.shows('#verdict', 'No answer')
    assert.deepEqual(await findings(page), [])
    await page.context().close()
  })
}

test('dark where the reader wants dark, light otherwise', async () => {
  const paper = async colorScheme => {
    const page = await open(browser, server.url, { colorScheme })
    const color = await page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    await page.context().close()
    return color.match(/\d+/g).map(Number)
  }
  assert.ok((await paper('dark')).every(part => part < 40))
  assert.ok((await paper('light')).every(part => part > 215))
})

test('no scrolling sideways at 320 px, nor with text twice as large', async () => {
  for (const zoom of ['100%', '200%']) {
    const page = await open(browser, server.url, { viewport: { width: 320, height: 640 } })
    await page.shows('#pod', /^p+$/)
    await page.evaluate(size => { document.documentElement.style.fontSize = size }, zoom)
    const beyond = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
    assert.equal(beyond, 0, `text at ${zoom}`)
    await page.context().close()
  }
})

test('the keyboard reaches everything, in the order in which it is read, and it shows', async () => {
  const page = await open(browser, server.url)
  await page.shows('#verdict', 'Starting')
  const reached = []
  for (let press = 0; press < 4; press++) {
    await page.keyboard.press('Tab')
    reached.push(await page.evaluate(() => {
      const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement)
      return `${document.activeElement.textContent} ${outlineStyle} ${outlineWidth}`
    }))
  }
  assert.deepEqual(reached, ['Pause', 'Readiness', 'Metrics', 'Version'].map(name => `${name} solid 2px`))
  await page.focus('#pause')
  await page.keyboard.press('Space')
  await page.shows('#pause', 'Resume')
  for (const link of await page.$$('nav a')) {
    const answer = await fetch(await link.evaluate(a => a.href))
    assert.ok([200, 503].includes(answer.status))
  }
  await page.context().close()
})

test('a screen reader finds landmarks, headings, a table and charts in words', async () => {
  const page = await open(browser, server.url)
  await page.shows('#rate b', /^\d/)
  const tree = await page.locator('body').ariaSnapshot()
  for (const part of [
    'banner:', 'main:', 'contentinfo:', 'navigation "As text":', 'status:', 'heading "pcf-api" [level=1]',
    'heading "Requests" [level=2]', 'table "Dependencies":', 'columnheader "State"', 'rowheader "database critical"',
    'img "Last five minutes, per second: now', 'button "Pause"',
  ]) assert.ok(tree.includes(part), `${part} is not in\n${tree}`)
  await page.context().close()
})
