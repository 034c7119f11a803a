// The page's promises to those who run the service: it loads and runs nothing of others, gives away
// nothing, is small, and costs nothing while nobody looks.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { browse, eventually, open, proxy, serve } from './support.js'

// The contract is 20 KiB; the image has room for less.
const MOST_BYTES = 7 * 1024

let browser, server
before(async () => {
  browser = await browse()
  server = await serve()
})
after(async () => {
  await browser?.close()
  await server?.end()
})

function ask(accept, method = 'GET') {
  return new Promise((resolve, reject) => {
    const headers = accept === undefined ? {} : { accept }
    http.request({ host: '127.0.0.1', port: server.port, path: '/', method, headers }, async response => {
      let body = ''
      for await (const piece of response) body += piece
      resolve({ status: response.statusCode, headers: response.headers, body })
    }).on('error', reject).end()
  })
}

test('a browser gets the page, everyone else JSON, and caches keep them apart', async () => {
  const page = await ask('text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8')
  assert.match(page.headers['content-type'], /^text\/html; charset=utf-8$/)
  for (const accept of [undefined, '*/*', 'application/json', 'text/html;q=0.1, */*;q=0.9']) {
    const json = await ask(accept)
    assert.equal(json.headers['content-type'], 'application/json', accept)
    assert.equal(JSON.parse(json.body).name, 'pcf-api')
    assert.match(json.headers.vary, /accept/i)
    assert.equal(json.headers['cache-control'], 'no-cache')
  }
  const { headers } = page
  assert.match(headers.vary, /accept/i)
  assert.equal(headers['cache-control'], 'no-cache')
  assert.equal(headers['x-content-type-options'], 'nosniff')
  assert.equal(headers['referrer-policy'], 'no-referrer')
  assert.match(headers['content-security-policy'], /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; /)
  assert.doesNotMatch(headers['content-security-policy'], /unsafe|\*|https?:/)
  const head = await ask('text/html', 'HEAD')
  assert.equal(head.status, 200)
  assert.equal(head.body, '')
  assert.equal(head.headers['content-length'], String(Buffer.byteLength(page.body)))
  assert.equal(head.headers['content-security-policy'], headers['content-security-policy'])
})

test('it is small', async () => {
  const bytes = gzipSync((await ask('text/html')).body, { level: 9 }).length
  assert.ok(bytes <= MOST_BYTES, `${bytes} bytes compressed`)
})

// A server that is not ours; what it is asked is counted.
async function outsider(t, body = '') {
  const asked = []
  const server = http.createServer(({ url }, response) => {
    asked.push(url)
    response.writeHead(200, { 'content-type': 'text/html' }).end(body)
  }).listen(0, '127.0.0.1')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  await eventually('listening', () => server.address())
  return { asked, url: `http://127.0.0.1:${server.address().port}/` }
}

test('what gets into the page on its way is not run, not loaded and not obeyed', async t => {
  const { asked, url } = await outsider(t)
  const injected = `<main>
    <script>window.injected = 'script'</script>
    <script src="${url}script"></script>
    <img src="${url}image" onerror="window.injected = 'handler'">
    <style>body { display: none }</style>
    <p id="styled" style="display: none">x</p>
    <base href="${url}base">
    <form action="${url}form"><button id="send">x</button></form>`
  const front = await proxy(() => server.port, (body, type) =>
    type.startsWith('text/html') ? body.replace('<main>', injected) : body)
  t.after(front.end)
  const page = await open(browser, front.url)
  await page.shows('#verdict', 'Ready')
  assert.ok(await page.isVisible('#styled'))
  await page.$eval('#send', button => button.click())
  await sleep(500)
  assert.equal(await page.evaluate(() => window.injected), undefined)
  assert.deepEqual(asked, [])
  for (const directive of ['script-src', 'style-src', 'img-src', 'base-uri', 'form-action']) {
    await eventually(`${directive} in the console`, () => {
      if (page.said.some(line => line.includes(directive))) return true
      throw new Error(page.said.join('\n'))
    })
  }
  const html = await page.evaluate(() => {
    try {
      return document.body.innerHTML = '<p>'
    } catch (error) {
      return error.name
    }
  })
  assert.equal(html, 'TypeError', 'text does not become elements')
})

test('nobody can frame it', async t => {
  const { url } = await outsider(t, `<iframe src="${server.url}"></iframe>`)
  const page = await open(browser, url)
  await eventually('a refusal', () => page.said.some(line => line.includes('frame-ancestors')))
})

// The clock ticks of processor time that the server has used, 100 a second, and its log's length.
function cost() {
  const fields = readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return { ticks: +fields[11] + +fields[12], log: server.log().length }
}

test('it costs the server nothing once nobody looks', async () => {
  const page = await open(browser, server.url)
  await page.shows('#rate b', /^\d/)
  await page.close()
  await sleep(500)
  const total = (await server.json()).requests.total
  // That request's own line is written meanwhile, also where the machine stands still for a second.
  await sleep(2000)
  const before = cost()
  await sleep(8000)
  const after = cost()
  // A hundredth of a processor: beside a busy machine's other work an idle process is charged some.
  assert.ok(after.ticks - before.ticks <= 8, `${after.ticks - before.ticks} ticks`)
  assert.equal(after.log, before.log)
  assert.equal((await server.json()).requests.total, total + 1, 'only that of this test')
})
