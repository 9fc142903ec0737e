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

async function configuration() {
  const options = { algorithm: given.discovery }
  const issuer = new URL(given.issuer)
  if (given.client_id !== undefined) {
    return client.discovery(issuer, given.client_id, {}, await authentication(), options)
  }
  return client.dynamicClientRegistration(issuer, {
    client_name: 'openid-client, registered by itself',
    redirect_uris: [REDIRECT_URI],
    grant_types: [
      'authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code',
    ],
    scope: given.scope,
    token_endpoint_auth_method: 'client_secret_post', // what it does then; Basic is the default
  }, undefined, options)
}

const config = await configuration()
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

// Not for clients that register themselves.
const own = given.client_id === undefined
  ? undefined
  : await client.clientCredentialsGrant(config, { scope: 'notes:read' })

const device = await client.initiateDeviceAuthorization(config, { scope: given.scope })
const polled = client.pollDeviceAuthorizationGrant(config, device)
await ask({ device })
const onDevice = await polled
assert.equal(onDevice.claims().sub, sub)

finish({
  client_id: config.clientMetadata().client_id,
  userinfo,
  before,
  after,
  access_token: pushed.access_token,
  own: own?.access_token,
  device: onDevice.access_token,
  logout: client.buildEndSessionUrl(config, { id_token_hint: pushed.id_token }).href,
})
