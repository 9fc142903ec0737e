// oauth4webapi, call by call; also as a resource server that takes our access tokens.
import assert from 'node:assert/strict'
import * as oauth from 'oauth4webapi'
import { importPKCS8 } from 'jose'
import { ask, finish, given } from './person.mjs'

const REDIRECT_URI = 'http://127.0.0.1:5555/callback'
const client = { client_id: given.client_id }

async function authentication() {
  if (given.private_key === undefined) return oauth.ClientSecretPost(given.client_secret)
  const key = await importPKCS8(given.private_key, 'RS256')
  return oauth.PrivateKeyJwt({ key, kid: given.kid })
}

const clientAuth = await authentication()
const issuer = new URL(given.issuer)
const as = await oauth.processDiscoveryResponse(
  issuer, await oauth.discoveryRequest(issuer, { algorithm: given.discovery }),
)

async function authorize(push) {
  const verifier = oauth.generateRandomCodeVerifier()
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()]
  let parameters = new URLSearchParams({
    client_id: given.client_id,
    redirect_uri: REDIRECT_URI,
    response_type: 'code',
    scope: given.scope,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    resource: given.resource,
    state,
    nonce,
  })
  if (push) {
    const response = await oauth.pushedAuthorizationRequest(as, client, clientAuth, parameters)
    const { request_uri } = await oauth.processPushedAuthorizationResponse(as, client, response)
    parameters = new URLSearchParams({ client_id: given.client_id, request_uri })
  }
  const back = new URL(await ask({ authorize: `${as.authorization_endpoint}?${parameters}` }))
  const answer = oauth.validateAuthResponse(as, client, back, state)
  const response = await oauth.authorizationCodeGrantRequest(
    as, client, clientAuth, answer, REDIRECT_URI, verifier,
  )
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, {
    expectedNonce: nonce,
    maxAge: 3600,
    requireIdToken: true,
  })
  await oauth.validateApplicationLevelSignature(as, response) // of the ID token
  return tokens
}

async function introspect(token) {
  const response = await oauth.introspectionRequest(as, client, clientAuth, token)
  return oauth.processIntrospectionResponse(as, client, response)
}

const tokens = await authorize(false)
const { sub } = oauth.getValidatedIdTokenClaims(tokens)
const userinfo = await oauth.processUserInfoResponse(
  as, client, sub, await oauth.userInfoRequest(as, client, tokens.access_token),
)

let response = await oauth.refreshTokenGrantRequest(as, client, clientAuth, tokens.refresh_token)
const refreshed = await oauth.processRefreshTokenResponse(as, client, response)

const before = await introspect(refreshed.access_token)
response = await oauth.revocationRequest(as, client, clientAuth, refreshed.refresh_token)
await oauth.processRevocationResponse(response)
const after = await introspect(refreshed.access_token)

const pushed = await authorize(true)

response = await oauth.clientCredentialsGrantRequest(
  as, client, clientAuth, new URLSearchParams({ scope: 'notes:read' }),
)
const own = await oauth.processClientCredentialsResponse(as, client, response)

response = await oauth.deviceAuthorizationRequest(
  as, client, clientAuth, new URLSearchParams({ scope: given.scope }),
)
const device = await oauth.processDeviceAuthorizationResponse(as, client, response)

async function poll() {
  const answer = await oauth.deviceCodeGrantRequest(as, client, clientAuth, device.device_code)
  return oauth.processDeviceCodeResponse(as, client, answer)
}
await assert.rejects(poll(), { error: 'authorization_pending', status: 400 })
await assert.rejects(poll(), { error: 'slow_down', status: 400 })
await ask({ device })
const onDevice = await poll()
await assert.rejects(poll(), { error: 'invalid_grant', status: 400 })

// As a resource server (RFC 9068), and as the client of one (RFC 9728).
function call(token) {
  return new Request(`${given.resource}/whoami`, { headers: { authorization: `Bearer ${token}` } })
}
const claims = await oauth.validateJwtAccessToken(as, call(pushed.access_token), given.resource)
assert.equal(claims.sub, sub)
for (const token of [pushed.id_token, `${pushed.access_token.slice(0, -4)}AAAA`]) {
  await assert.rejects(oauth.validateJwtAccessToken(as, call(token), given.resource))
}
const resource = new URL(given.resource)
const http = { [oauth.allowInsecureRequests]: true } // the API is on the loopback interface
const metadata = await oauth.processResourceDiscoveryResponse(
  resource, await oauth.resourceDiscoveryRequest(resource, http),
)
assert.deepEqual(metadata.authorization_servers, [given.issuer])
const whoami = new URL('/whoami', resource)
await assert.rejects(
  oauth.protectedResourceRequest('not-a-token', 'GET', whoami, undefined, undefined, http),
  (error) => error.cause[0].scheme === 'bearer' && error.cause[0].parameters.error === 'invalid_token'
    && error.cause[0].parameters.resource_metadata.includes('/.well-known/oauth-protected-resource'),
)

finish({
  userinfo,
  before,
  after,
  access_token: pushed.access_token,
  own: own.access_token,
  device: onDevice.access_token,
})
