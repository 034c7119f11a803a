// Takes the picture of the README: the page after five minutes of traffic, light and dark side by side.

import { execFileSync } from 'node:child_process'
import { statSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { browse, load, open, peer, serve } from './support.js'

const [file, seconds = '310'] = process.argv.slice(2)
const VIEWPORT = { width: 800, height: 830 }

// The routes that this example has beyond those of the service make slow and failing requests.
const binary = fileURLToPath(new URL('../../target/debug/examples/faults', import.meta.url))
const [database, search] = [await peer(), await peer()]
const server = await serve({
  POD_NAME: 'pcf-api-7d9f8b6c5-x2lkq', NODE_NAME: 'node-3', REVISION: '4f1c2ab', RUST_LOG: 'info,access=off',
  DATABASE_URL: database.url(),
  DEPENDENCIES__SEARCH__URL: search.url(),
  DEPENDENCIES__SEARCH__CRITICALITY: 'important',
}, binary)
const browser = await browse()
const pages = await Promise.all(['light', 'dark'].map(colorScheme =>
  open(browser, server.url, { colorScheme, viewport: VIEWPORT })))

// A day in five minutes: traffic swells and ebbs, requests take 4 to 20 ms, and once some fail.
const began = Date.now()
let stop = [], down
while (Date.now() - began < seconds * 1000) {
  const at = (Date.now() - began) / seconds / 1000
  const rate = 60 + 40 * Math.sin(6 * at) + 12 * Math.sin(31 * at)
  const isIll = at > .62 && at < .7
  if (at > .96) down ??= search.down()
  stop.forEach(end => end())
  stop = [
    load(server, `/sleep/${Math.round(4 + 3 * Math.sin(9 * at) + (isIll ? 60 : 0))}`, rate),
    load(server, `/sleep/${Math.round(14 + 6 * Math.sin(7 * at) + (isIll ? 120 : 0))}`, rate / 12),
    ...isIll ? [load(server, '/fail', rate / 40)] : [],
  ]
  await sleep(4000)
}
await Promise.all(pages.map(page => page.shows('#verdict', 'Ready, degraded')))

const shots = await Promise.all(pages.map(page => page.screenshot()))
stop.forEach(end => end())
const context = await browser.newContext({ viewport: { width: 2 * VIEWPORT.width, height: VIEWPORT.height } })
const both = await context.newPage()
const images = shots.map(shot => `<img src="data:image/png;base64,${shot.toString('base64')}">`)
await both.setContent(`<body style="margin: 0; display: flex">${images.join('')}`)
const picture = await both.screenshot()
writeFileSync(file, execFileSync('pngquant', ['--quality', '60-95', '--strip', '-'], { input: picture }))
console.log(`${file}: ${statSync(file).size} bytes`)

await browser.close()
await server.end()
await database.down()
process.exit()
