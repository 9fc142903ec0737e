// openid-client, all that it can do with this issuer: every call checks the answer by itself.
import assert from 'node:assert/strict'
import * as client from 'openid-client'
import { importPKCS8 } from 'jose'
import { ask, finish, given } from './person.mjs'

const REDIRECT_URI = 'http://127.0.0.1:5555/callback'

async function authentication() {
  if (given.private_key === undefined) return client.ClientSecretBasic(given.client_secret)
  const key = await importPKCS8(given.private_key, 'RS256')
  return client.PrivateKeyJwt({ key, kid: given.kid })
}

async function authorize(config, build) {
  const verifier = client.randomPKCECodeVerifier()
  const [state, nonce] = [client.randomState(), client.randomNonce()]
  const url = await build(config, {
    redirect_uri: REDIRECT_URI,
    scope: given.scope,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  })
  const back = new URL(await ask({ authorize: url.href }))
  return client.authorizationCodeGrant(config, back, {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
    idTokenExpected: true,
  })
}

const config = await client.discovery(
  new URL(given.issuer), given.client_id, {}, await authentication(),
  { algorithm: given.discovery },
)
assert.equal(config.serverMetadata().issuer, given.issuer)
assert.equal(config.serverMetadata().supportsPKCE(), true)

const tokens = await authorize(config, client.buildAuthorizationUrl)
const { sub } = tokens.claims()
const userinfo = await client.fetchUserInfo(config, tokens.access_token, sub)

const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token)
assert.notEqual(refreshed.refresh_token, tokens.refresh_token)
assert.equal(refreshed.claims().sub, sub)

const before = await client.tokenIntrospection(config, refreshed.access_token)
await client.tokenRevocation(config, refreshed.refresh_token)
const after = await client.tokenIntrospection(config, refreshed.access_token)
await assert.rejects(client.refreshTokenGrant(config, refreshed.refresh_token), {
  error: 'invalid_grant',
})

const pushed = await authorize(config, client.buildAuthorizationUrlWithPAR)
assert.equal(pushed.claims().sub, sub)

const own = await client.clientCredentialsGrant(config, { scope: 'notes:read' })

const device = await client.initiateDeviceAuthorization(config, { scope: given.scope })
const polled = client.pollDeviceAuthorizationGrant(config, device)
await ask({ device })
const onDevice = await polled
assert.equal(onDevice.claims().sub, sub)

finish({
  userinfo,
  before,
  after,
  access_token: pushed.access_token,
  own: own.access_token,
  device: onDevice.access_token,
  logout: client.buildEndSessionUrl(config, { id_token_hint: pushed.id_token }).href,
})
