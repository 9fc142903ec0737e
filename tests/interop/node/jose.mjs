// jose as a resource server: which of these tokens does it take?
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { finish, given } from './person.mjs'

const keys = createRemoteJWKSet(new URL(given.jwks_uri))

async function verdict(token) {
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer: given.issuer,
      audience: given.resource,
      typ: 'at+jwt',
      algorithms: ['RS256'],
      requiredClaims: ['exp', 'iat', 'sub', 'client_id', 'jti'],
    })
    return payload.sub
  } catch (error) {
    return error.code
  }
}

const verdicts = {}
for (const [name, token] of Object.entries(given.tokens)) verdicts[name] = await verdict(token)
finish(verdicts)
