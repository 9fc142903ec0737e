// Every word of the page, in English and in Korean. {name} is filled in.

const SCHEMES = {
  en: {
    none: ["No authentication", "Nobody is asked who they are: the control."],
    basic: ["HTTP Basic", "Name and password in every request, checked against a slow hash in PostgreSQL."],
    memory: ["Session in memory", "The replica that logged you in remembers you. The others have never heard of you."],
    sticky: ["Sticky session", "In memory too, but the load balancer sends you back to your replica by a cookie."],
    postgres: ["Session in PostgreSQL", "Every replica asks the same database on every request."],
    redis: ["Session in Redis", "Every replica asks the same Redis on every request. Redis is a network service, not shared memory."],
    opaque: ["Opaque token", "The replica cannot read the token and asks the issuer about it on every request."],
    hs256: ["JWT, shared key (HS256)", "Whoever can check such a token can also make one: every replica holds the key."],
    rs256: ["JWT (RS256)", "Each replica checks the issuer’s signature with a public key that it already has. It asks nobody."],
    "rs256+status": ["JWT + status list", "Checked by each replica alone; a list of what is revoked is fetched every 5 s, not per request."],
  },
  ko: {
    none: ["인증 없음", "누구인지 묻지 않습니다. 비교 기준입니다."],
    basic: ["HTTP Basic", "요청마다 아이디와 비밀번호를 보내고, PostgreSQL의 느린 해시와 비교합니다."],
    memory: ["메모리 세션", "로그인을 처리한 서버만 기억합니다. 다른 서버는 그 세션을 모릅니다."],
    sticky: ["고정(sticky) 세션", "역시 메모리에 있지만, 로드 밸런서가 쿠키를 보고 늘 같은 서버로 보냅니다."],
    postgres: ["PostgreSQL 세션", "모든 서버가 요청마다 같은 데이터베이스에 묻습니다."],
    redis: ["Redis 세션", "모든 서버가 요청마다 같은 Redis에 묻습니다. Redis는 공유 메모리가 아니라 네트워크 서비스입니다."],
    opaque: ["불투명 토큰", "서버는 토큰을 읽을 수 없어서 요청마다 발급자에게 묻습니다."],
    hs256: ["JWT, 공유 키 (HS256)", "검증할 수 있으면 만들 수도 있습니다. 모든 서버가 같은 비밀 키를 갖습니다."],
    rs256: ["JWT (RS256)", "각 서버가 이미 가진 공개키로 서명을 확인합니다. 아무에게도 묻지 않습니다."],
    "rs256+status": ["JWT + 상태 목록", "서버가 혼자 검증합니다. 폐기 목록은 요청마다가 아니라 5초마다 받아 옵니다."],
  },
};

const WORDS = {
  en: {
    skip: "Skip to the experiment",
    title: "Sessions against tokens, live",
    lead: "Real servers, real load balancers, real faults, on this machine. Whatever you do happens to both sides at once.",
    language: "Language", controls: "What to do", stage: "The two schemes",
    logIn: "Log in", fire: "Fire 20", stream: "Keep firing", replicas: "Replicas",
    rotate: "Rotate keys", revoke: "Revoke me", tamper: "Tamper", ask: "Let me guess first",
    scheme: "Scheme", client: "Client", balancer: "Load balancer", roundRobin: "round robin", byCookie: "by cookie",
    replica: "Replica {n}", issuer: "Issuer", redis: "Redis", postgres: "PostgreSQL",
    holdsNothing: "not logged in", holdsCookie: "holds a cookie", holdsToken: "holds a token",
    holdsPassword: "sends the password", holdsNone: "is not asked", isRevoked: "log-in ended", isTampered: "changed on the way",
    up: "up", dead: "dead", frozen: "frozen", starting: "starting", cut: "cut off", listAge: "list {s} s old", home: "has your session",
    kill: "Kill", freeze: "Freeze", thaw: "Thaw", restart: "Restart", cutWire: "Cut its wire", mendWire: "Mend its wire",
    "act.kill": "Kill {box}", "act.freeze": "Freeze {box}", "act.thaw": "Thaw {box}", "act.restart": "Restart {box}",
    "act.cut": "Cut the wire of {box}", "act.mend": "Mend the wire of {box}",
    logTitle: "What happened",
    requests: "Requests", trips: "Round trips to the store", octets: "Credential bytes sent",
    turnedAway: "Wrongly refused", letIn: "Wrongly accepted", lastLetIn: "Last 200 after revoking",
    notYet: "Log in, then fire.", waiting: "Waiting for an answer …", ready: "Logged in. Fire.",
    outcome: "{ok} of {n} answered 200, {refused} refused (401): {percent} %.",
    outcomeOther: " {other} without an answer or 503.",
    guessed: " You guessed {guess} refused; it was {refused}.",
    guessTitle: "Before you see it", guessLead: "Of the 20 requests, how many will be refused or lost?",
    guessSkip: "Just fire", guessFire: "That is my guess: fire", guessValue: "{n} of 20",
    landed200: "200 from replica {n}", landed401: "401 from replica {n}", landed5: "{status}, replica {n}", landed50: "{status} from the load balancer", landed0: "no answer",
    connecting: "Connecting to the laboratory …", gone: "The laboratory has stopped. Start it again with make live.",
    idle: "Ready.",
    "busy.choose": "Starting four replicas …", "busy.resize": "Changing the number of replicas …", "busy.login": "Logging in on both sides …",
    "busy.break": "Doing it …", "busy.rotate": "Rotating the keys …", "busy.revoke": "Ending both log-ins …",
    left: "Left", right: "Right",
    "note.logged in": "{side}: logged in.", "note.log-in failed": "{side}: the log-in failed ({status}).",
    "note.chosen": "{side}: {scheme} is ready.", "note.resized": "{replicas} replicas on each side. Log in again.",
    "note.kill": "{box} was killed (SIGKILL).", "note.freeze": "{box} is frozen (SIGSTOP): it neither answers nor refuses.",
    "note.thaw": "{box} goes on.", "note.restart": "{box} is new: what it had in memory is gone.",
    "note.cut": "The wire of {box} is cut: nothing passes, and nobody is told.", "note.mend": "The wire of {box} is mended.",
    "note.nothing to cut": "There is no such wire: neither side asks anybody on a request.",
    "note.rotated": "The issuer signs with its next key, which was published beforehand. Old tokens stay good.",
    "note.rotation refused": "The rotation was refused, since a verifier might not know the next key yet: {text}",
    "note.shared key changed": "{side}: the shared key is another one; every token under the old one is refused.",
    "note.revocation done": "{side}: the log-in was ended.", "note.revocation impossible": "{side}: nobody can end this log-in.",
    "note.revocation failed": "{side}: the log-out did not get through.",
    "note.tampered": "From now on the credential is changed on its way.", "note.untampered": "The credential travels unchanged again.",
    "note.failed": "That did not work: {text}",
    "refused.busy": "One thing at a time.", "refused.log in first": "Log in first.", "refused.no such scheme": "That scheme is on the other side.", "refused.crowded": "Too many pages are watching.",
    calculatorTitle: "Which one for you?",
    calculatorLead: "There is no winner, there are flip points. Move the sliders; the verdict follows from demands measured by this lab.",
    rate: "Requests of a user per minute (λ)", ttl: "Token lifetime (TTL)", count: "Replicas", trip: "Round trip to the store", need: "A log-out must count within",
    minutes: "{n} min", ms: "{n} ms", seconds: "{n} s", anyTime: "does not matter",
    sumScheme: "", sumLatency: "added to each request", sumOps: "store operations per request", sumKnee: "store is the limit from", sumLag: "log-out counts within", sumKneeNone: "never", sumReplicas: "{n} replicas", sumOk: "fits", sumBad: "does not fit",
    "scheme.memory": "Session in memory", "scheme.redis": "Session in Redis", "scheme.postgres": "Session in PostgreSQL", "scheme.token": "JWT", "scheme.list": "JWT + status list",
    atOnce: "at once", verdictMemory: "One process: keep the session in its memory. Nothing is cheaper, until there are two.",
    verdictStore: "A session in a shared store. Only a look-up on each request can see a log-out within {need}.",
    verdictRare: "A session in a shared store. At λ·TTL = {x} most tokens are used once: each request needs a refresh anyhow.",
    verdictKnee: "A signed token. With {count} replicas the store is the limit (from {knee} on); a token asks nobody.",
    verdictTrip: "A signed token. The look-up would add {trip} ms to every request; the signature costs a tenth of one.",
    verdictTie: "A tie in speed. A token spares you a dependency that must never fail; a session lets you log people out at once.",
    verdictList: " Follow the status list: it keeps the delay at {list} s instead of {plain} s.",
    verdictPlain: " Without a status list: you can wait {plain} s.",
    assumptionsTitle: "What this assumes",
    "assume.1": "CPU per request as measured on {cpu}, {date}: app {memory} µs with a session in memory, {redis} µs with Redis, {token} µs with a JWT not seen before.",
    "assume.2": "The store is one machine like a replica; it is the limit from N* = D_app / D_store replicas on. Demands do not grow with load.",
    "assume.3": "A refresh costs {ops} transactions at the issuer; a user who asks by chance refreshes 1/(1 + λ·TTL) times per request.",
    "assume.4": "A token alone is accepted until exp and {leeway} s of leeway; with the list until a poll ({poll} s) and a fetch (1 s).",
    "assume.5": "Nothing here counts what a leaked key costs, or an outage of the store: kill them above.",
    footer: "Everything runs on this machine and is gone when you stop it. The page loads nothing from elsewhere.",
  },
  ko: {
    skip: "실험으로 건너뛰기",
    title: "세션과 토큰, 실시간 비교",
    lead: "이 컴퓨터에서 도는 진짜 서버, 진짜 로드 밸런서, 진짜 장애입니다. 무엇을 하든 양쪽에 동시에 일어납니다.",
    language: "언어", controls: "할 일", stage: "두 방식",
    logIn: "로그인", fire: "20번 요청", stream: "계속 요청", replicas: "서버 수",
    rotate: "키 교체", revoke: "로그인 폐기", tamper: "위조하기", ask: "먼저 예측하기",
    scheme: "방식", client: "클라이언트", balancer: "로드 밸런서", roundRobin: "순서대로", byCookie: "쿠키에 따라",
    replica: "서버 {n}", issuer: "발급자", redis: "Redis", postgres: "PostgreSQL",
    holdsNothing: "로그인 안 됨", holdsCookie: "쿠키를 가짐", holdsToken: "토큰을 가짐",
    holdsPassword: "비밀번호를 보냄", holdsNone: "묻지 않음", isRevoked: "로그인 폐기됨", isTampered: "도중에 바뀜",
    up: "정상", dead: "죽음", frozen: "멈춤", starting: "시작 중", cut: "끊김", listAge: "목록 {s}초 전", home: "내 세션이 여기",
    kill: "죽이기", freeze: "멈추기", thaw: "풀기", restart: "다시 시작", cutWire: "선 끊기", mendWire: "선 잇기",
    "act.kill": "{box} 죽이기", "act.freeze": "{box} 멈추기", "act.thaw": "{box} 풀기", "act.restart": "{box} 다시 시작",
    "act.cut": "{box}의 선 끊기", "act.mend": "{box}의 선 잇기",
    logTitle: "일어난 일",
    requests: "요청", trips: "저장소 왕복", octets: "보낸 인증 정보(바이트)",
    turnedAway: "잘못 거절", letIn: "잘못 허용", lastLetIn: "폐기 후 마지막 200",
    notYet: "로그인한 다음 요청하세요.", waiting: "응답을 기다리는 중 …", ready: "로그인됨. 요청하세요.",
    outcome: "{n}번 중 {ok}번 200, {refused}번 거절(401): {percent} %.",
    outcomeOther: " 응답 없음 또는 503: {other}번.",
    guessed: " 예측은 거절 {guess}번, 실제는 {refused}번.",
    guessTitle: "보기 전에", guessLead: "20번 요청 중 몇 번이 거절되거나 사라질까요?",
    guessSkip: "그냥 요청", guessFire: "이렇게 예측하고 요청", guessValue: "20번 중 {n}번",
    landed200: "서버 {n}: 200", landed401: "서버 {n}: 401", landed5: "서버 {n}: {status}", landed50: "로드 밸런서: {status}", landed0: "응답 없음",
    connecting: "실험실에 연결하는 중 …", gone: "실험실이 멈췄습니다. make live로 다시 시작하세요.",
    idle: "준비됨.",
    "busy.choose": "서버 네 대를 시작하는 중 …", "busy.resize": "서버 수를 바꾸는 중 …", "busy.login": "양쪽에 로그인하는 중 …",
    "busy.break": "하는 중 …", "busy.rotate": "키를 교체하는 중 …", "busy.revoke": "양쪽 로그인을 폐기하는 중 …",
    left: "왼쪽", right: "오른쪽",
    "note.logged in": "{side}: 로그인했습니다.", "note.log-in failed": "{side}: 로그인 실패 ({status}).",
    "note.chosen": "{side}: {scheme} 준비됨.", "note.resized": "양쪽 모두 서버 {replicas}대. 다시 로그인하세요.",
    "note.kill": "{box}: 강제 종료(SIGKILL).", "note.freeze": "{box}: 멈춤(SIGSTOP). 응답도 거절도 하지 않습니다.",
    "note.thaw": "{box}: 다시 움직입니다.", "note.restart": "{box}: 새로 시작했습니다. 메모리에 있던 것은 사라졌습니다.",
    "note.cut": "{box}의 선이 끊겼습니다. 아무것도 지나가지 못하고 아무도 알지 못합니다.", "note.mend": "{box}의 선을 이었습니다.",
    "note.nothing to cut": "그런 선이 없습니다. 양쪽 모두 요청 중에 아무에게도 묻지 않습니다.",
    "note.rotated": "발급자가 미리 공개해 둔 다음 키로 서명합니다. 이전 토큰도 계속 유효합니다.",
    "note.rotation refused": "아직 다음 키를 모르는 검증자가 있을 수 있어 교체를 거절했습니다: {text}",
    "note.shared key changed": "{side}: 공유 키가 바뀌어 이전 토큰은 모두 거절됩니다.",
    "note.revocation done": "{side}: 로그인을 폐기했습니다.", "note.revocation impossible": "{side}: 이 로그인은 아무도 끝낼 수 없습니다.",
    "note.revocation failed": "{side}: 로그아웃이 전달되지 않았습니다.",
    "note.tampered": "이제부터 인증 정보가 도중에 바뀝니다.", "note.untampered": "인증 정보가 다시 그대로 전달됩니다.",
    "note.failed": "실패했습니다: {text}",
    "refused.busy": "한 번에 하나씩만 됩니다.", "refused.log in first": "먼저 로그인하세요.", "refused.no such scheme": "그 방식은 반대쪽에 있습니다.", "refused.crowded": "보고 있는 페이지가 너무 많습니다.",
    calculatorTitle: "무엇을 고를까?",
    calculatorLead: "승자는 없고 갈림길이 있습니다. 값을 움직이면 이 실험실이 잰 수치로 결론이 바뀝니다.",
    rate: "사용자의 분당 요청 (λ)", ttl: "토큰 수명 (TTL)", count: "서버 수", trip: "저장소 왕복 시간", need: "로그아웃이 적용되어야 하는 시간",
    minutes: "{n}분", ms: "{n} ms", seconds: "{n}초", anyTime: "상관없음",
    sumScheme: "", sumLatency: "요청마다 더해짐", sumOps: "요청당 저장소 연산", sumKnee: "저장소가 한계가 되는 시점", sumLag: "로그아웃 적용", sumKneeNone: "없음", sumReplicas: "서버 {n}대", sumOk: "맞음", sumBad: "안 맞음",
    "scheme.memory": "메모리 세션", "scheme.redis": "Redis 세션", "scheme.postgres": "PostgreSQL 세션", "scheme.token": "JWT", "scheme.list": "JWT + 상태 목록",
    atOnce: "즉시", verdictMemory: "프로세스 하나라면 메모리 세션이 가장 쌉니다. 둘이 되기 전까지는요.",
    verdictStore: "공유 저장소의 세션. {need} 안에 로그아웃을 알려면 요청마다 조회해야 합니다.",
    verdictRare: "공유 저장소의 세션. λ·TTL = {x}이면 토큰 대부분이 한 번만 쓰여 어차피 매번 갱신합니다.",
    verdictKnee: "서명된 토큰. 서버 {count}대면 저장소가 한계입니다({knee}대부터). 토큰은 아무에게도 묻지 않습니다.",
    verdictTrip: "서명된 토큰. 조회는 요청마다 {trip} ms를 더하지만 서명 확인은 그 10분의 1도 안 됩니다.",
    verdictTie: "속도는 비슷합니다. 토큰은 멈추면 안 되는 의존성을 없애 주고, 세션은 즉시 로그아웃시킬 수 있습니다.",
    verdictList: " 상태 목록을 따르면 지연이 {plain}초가 아니라 {list}초입니다.",
    verdictPlain: " 상태 목록 없이도 {plain}초를 기다릴 수 있습니다.",
    assumptionsTitle: "가정",
    "assume.1": "{cpu}에서 {date}에 잰 요청당 CPU: 메모리 세션 {memory} µs, Redis {redis} µs, 처음 보는 JWT {token} µs.",
    "assume.2": "저장소는 서버와 같은 컴퓨터 한 대이며 N* = D_app / D_store대부터 한계가 됩니다. 수요는 부하에 따라 늘지 않습니다.",
    "assume.3": "갱신 한 번은 발급자에서 트랜잭션 {ops}번이고, 무작위로 요청하는 사용자는 요청당 1/(1 + λ·TTL)번 갱신합니다.",
    "assume.4": "토큰만 쓰면 exp와 허용 오차 {leeway}초까지, 목록을 쓰면 폴링({poll}초)과 한 번의 요청(1초)까지 허용됩니다.",
    "assume.5": "유출된 키나 저장소 장애의 비용은 들어 있지 않습니다. 위에서 직접 죽여 보세요.",
    footer: "모두 이 컴퓨터에서 돌고, 멈추면 사라집니다. 페이지는 외부에서 아무것도 불러오지 않습니다.",
  },
};

let language = "en";

export function speak(chosen) {
  language = chosen in WORDS ? chosen : "en";
  document.documentElement.lang = language;
  document.title = `Sealgate: ${t("title")}`;
  for (const element of document.querySelectorAll("[data-t]")) {
    element.textContent = t(element.dataset.t);
  }
}

export function t(key, values = {}) {
  const text = WORDS[language][key] ?? WORDS.en[key] ?? key;
  const filled = text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  return bound(filled);
}

// A number and its unit stay on one line.
const bound = (text) => text.replace(/(\d) (s|ms|µs|min|%)(?![\w가-힣])/g, "$1\u00a0$2");

export const schemeName = (scheme) => SCHEMES[language][scheme]?.[0] ?? scheme;
export const schemeHow = (scheme) => bound(SCHEMES[language][scheme]?.[1] ?? "");
export const keys = { words: WORDS, schemes: SCHEMES };
export const number = (value, digits = 0) =>
  new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
