// Started by bluesky-up: one process with the whole network, on 127.0.0.1 only.
import net from 'node:net'

// The services listen on every interface of the machine unless each is told otherwise.
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (...args) {
  const done = args.find((arg) => typeof arg === 'function')
  const [first] = args
  if (first && typeof first === 'object' && 'port' in first) {
    return listen.call(this, { ...first, host: '127.0.0.1' }, done)
  }
  if (/^\d+$/.test(String(first))) return listen.call(this, { port: Number(first), host: '127.0.0.1' }, done)
  return listen.apply(this, args)
}

const env = process.env
const base = Number(env.BASE_PORT)
const { TestNetwork } = await import('@atproto/dev-env')
const network = await TestNetwork.create({
  dbPostgresUrl: env.DB_POSTGRES_URL,
  dbPostgresSchema: 'dev',
  plc: { port: base + 2 },
  pds: {
    port: base + 3,
    hostname: 'localhost',
    enableDidDocWithSession: true,
    rateLimitsEnabled: env.BSKY_TEST_LIMITS === '1',
  },
  bsky: { port: base + 4, publicUrl: `http://localhost:${base + 4}` },
  ozone: { port: base + 7 },
})
console.log(JSON.stringify({ url: network.pds.url, plc: network.plc.url, admin: 'admin-pass' }))
process.on('SIGTERM', () => {
  setTimeout(() => process.exit(0), 3000).unref()
  network.close().finally(() => process.exit(0))
})
