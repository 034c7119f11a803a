// What the tests share: the real server, peers for it to depend on, a browser, and waiting.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const BINARY = process.env.PCF_API ?? fileURLToPath(new URL('../../target/release/pcf-api', import.meta.url))
const BROWSER = process.env.CHROMIUM || '/usr/bin/chromium'

// Waits until `look` returns something true, and fails with the last thing that it returned or threw.
export async function eventually(what, look, within = 15) {
  const end = Date.now() + within * 1000
  for (;;) {
    let last
    try {
      last = await look()
      if (last) return last
    } catch (error) {
      last = error
    }
    if (Date.now() > end) throw new Error(`${what}: not within ${within} s: ${last}`)
    await sleep(50)
  }
}

// A server on a free port of loopback, or on one that was free before.
export async function serve(environment = {}, binary = BINARY) {
  if (!existsSync(binary)) throw new Error(`${binary} is not built: cargo build --release`)
  const child = spawn(binary, {
    // A machine that is busy with the browser is no overload.
    env: {
      SERVER__HOST: '127.0.0.1', SERVER__PORT: '0', SERVER__MAX_QUEUE_TIME: '20s', LOG_FORMAT: 'json',
      ...environment,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  process.once('exit', () => child.kill('SIGKILL')) // whatever becomes of the test
  let log = ''
  child.stderr.on('data', text => { log += text })
  const exit = once(child, 'exit')
  const line = await Promise.race([
    eventually('listening', () => log.split('\n').find(line => line.includes('"listening"'))),
    exit.then(() => { throw new Error(`the server has ended: ${log}`) }),
  ])
  const port = +/:(\d+)$/.exec(JSON.parse(line).address)[1]
  const url = `http://127.0.0.1:${port}/`
  return {
    port,
    url,
    pid: child.pid,
    log: () => log,
    json: async () => (await fetch(url)).json(),
    end: async (signal = 'SIGKILL') => {
      child.kill(signal)
      await exit
    },
    signal: name => child.kill(name),
  }
}

// Something to depend on, which can go down and come back on the same port.
export async function peer() {
  const sockets = new Set()
  let server, port = 0
  const self = {
    url: () => `tcp://127.0.0.1:${port}`,
    up: async () => {
      server = net.createServer(socket => {
        sockets.add(socket.on('error', () => {}))
      }).listen(port, '127.0.0.1')
      await once(server, 'listening')
      port = server.address().port
    },
    down: async () => {
      sockets.forEach(socket => socket.destroy())
      sockets.clear()
      if (server.listening) await new Promise(done => server.close(done))
    },
  }
  await self.up()
  return self
}

// A proxy: `pick` says to which port a request goes, `alter` may change an answer's body.
export async function proxy(pick, alter = body => body) {
  const server = http.createServer(async (request, response) => {
    try {
      const { headers, method, url } = request
      const answer = await new Promise((resolve, reject) => {
        http.request({ host: '127.0.0.1', port: pick(), path: url, method, headers }, resolve).on('error', reject).end()
      })
      let body = ''
      for await (const piece of answer) body += piece
      body = alter(body, answer.headers['content-type'])
      response.writeHead(answer.statusCode, { ...answer.headers, 'content-length': Buffer.byteLength(body) }).end(body)
    } catch {
      response.writeHead(502).end()
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    end: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

// Asks for a path so many times a second until it is told to stop; `count` says how often it did.
export function load({ port }, path, rate) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 })
  const timer = setInterval(() => {
    stop.count++
    http.get({ agent, host: '127.0.0.1', port, path }, answer => answer.resume()).on('error', () => {})
  }, 1000 / rate)
  const stop = () => {
    clearInterval(timer)
    agent.destroy()
  }
  stop.count = 0
  return stop
}

// Chromium's own sandbox cannot be had by root, which containers of CI are.
export function browse() {
  return chromium.launch({
    executablePath: BROWSER,
    args: process.getuid() === 0 ? ['--no-sandbox', '--disable-dev-shm-usage'] : [],
  })
}

// The page of an address, with what its console said and what it asked for.
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 900 }, ...options })
  const page = await context.newPage()
  page.said = []
  page.asked = []
  page.on('console', message => page.said.push(`${message.type()}: ${message.text()}`))
  page.on('pageerror', error => page.said.push(`uncaught: ${error.message}`))
  page.on('request', request => page.asked.push(request.url()))
  await page.goto(url)
  page.shows = (selector, expected, within) => eventually(`${selector} shows ${expected}`, async () => {
    const text = (await page.textContent(selector)).trim()
    if (expected instanceof RegExp ? expected.test(text) : text === expected) return true
    throw new Error(`it shows ${JSON.stringify(text)}; the console: ${page.said.slice(-5).join(' | ')}`)
  }, within)
  return page
}
