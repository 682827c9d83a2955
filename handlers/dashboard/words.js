// The page in English and Korean. A key without a dot is a word by itself.
const en = {
  overview: 'Overview', jobs: 'Jobs', queue: 'Queue', workers: 'Workers', users: 'Users', config: 'Configuration', webhooks: 'Webhooks', audit: 'Audit', tail: 'Live', api: 'API',
  login: 'Log in', logout: 'Log out', 'login.ask': 'An operator’s token', 'login.help': 'It is in operator.toml, or made by: stoker access create',
  'login.over': 'The log-in has ended. Log in again.', skip: 'Skip to content', language: '한국어', done: 'Done', back: 'Back', newer: 'Newer', older: 'Older', loading: 'Loading …', search: 'Search', all: 'all', none: 'none', forbidden: 'Your token may only look.',
  cluster: 'Cluster', members: 'Members', leader: 'Leader', node: 'Node', role: 'Role', lag: 'Behind', entries: 'entries', alive: 'Alive', yes: 'yes', no: 'no', version: 'Version', disk: 'Disk free', contact: 'Heard of', noleader: 'no leader', votes: 'votes',
  index: 'Index', ready: 'Ready items', leases: 'Leases', dead: 'Dead letters', waiting: 'Waiting workers', grants: 'Grants', 'per.second': 'a second', state: 'State', log: 'Log',
  'chart.requests': 'Requests at this node', 'chart.commit': 'Commit latency at this node', 'chart.queue': 'Queue', 'chart.items': 'Items finished', 'series.requests': 'requests', 'series.done': 'done', 'series.failed': 'failed', 'series.ready': 'ready', 'series.leases': 'leases',
  job: 'Job', user: 'User', status: 'Status', preset: 'Preset', created: 'Created', progress: 'Progress', 'jobs.none': 'No job. An app makes one with POST /jobs; `stoker demo` shows how.', 'jobs.id': 'A job’s id', 'jobs.open': 'Open',
  why: 'Why', history: 'Life', pictures: 'Pictures', input: 'Input', output: 'Result', picture: 'Picture', 'pictures.gone': 'no picture', cancel: 'Cancel', retry: 'Try again', 'cancel.ask': 'The job ends at once. What was not done is refunded.', 'retry.ask': 'What was not done is tried again in a new job, which costs its user what a new one does.',
  'why.nothing': 'It has ended and waits for nothing.', holds: 'is worked on by', nexttimer: 'Next deadline', position: 'Place in line', eta: 'Expected in', seconds: 's', items: 'Items', price: 'Credits an item', event: 'Event', by: 'By', detail: 'Detail', at: 'At', item: 'Item',
  class: 'Class', depth: 'Ready', oldest: 'Oldest', 'queue.none': 'Nothing waits.', paused: 'Paused', pause: 'Pause', resume: 'Resume', 'pause.ask': 'Nothing more of this preset is handed out. What is under way goes on.', 'resume.ask': 'Work is handed out again.',
  'dead.none': 'No dead letters. Items that fail too often are listed here for 14 days.', reason: 'Reason', errors: 'Errors', kick: 'Kick', 'kick.ask': 'The picture is tried again in a new job, which costs its user what a new one does.',
  worker: 'Worker', 'workers.none': 'No worker was here in the last day. `stoker worker` runs the sample.', loaded: 'Loaded', fails: 'Failed', lost: 'Lost leases', lastgrant: 'Last work', drain: 'Drain', 'drain.ask': 'It finishes what it has and takes nothing more.', 'wresume.ask': 'It gets work again.', filter: 'Filter', shownof: 'shown of', more: 'Show more',
  'users.id': 'A user’s id', 'users.none': 'No user.', plan: 'Plan', credits: 'Credits', concurrent: 'Open jobs', slots: 'Rules', device: 'Device', ledger: 'Ledger', type: 'Type', amount: 'Amount', balance: 'Balance', ref: 'For', grant: 'Grant credits', 'grant.ask': 'It is written into the ledger with its reason. A negative amount takes credits back.', 'grant.amount': 'Credits', setplan: 'Change plan', 'plan.ask': 'It holds for jobs from now on.', revoke: 'Revoke', unrevoke: 'Let in again', 'revoke.ask': 'The user is out at once, on all nodes.', revoked: 'revoked', 'ledger.none': 'Nothing was booked.',
  versions: 'Versions', 'config.none': 'No versions.', author: 'Author', message: 'Message', inforce: 'in force', rollback: 'Roll back', 'rollback.ask': 'A new version with this one’s content is put into force on all nodes at once.', diff: 'Changes against the version in force', nodiff: 'The same as what is in force.', show: 'Show',
  who: 'Who', action: 'Action', actions: 'Actions', subject: 'Subject', refused: 'Refused', 'audit.none': 'No operator has done anything.', 'tail.follow': 'Follow', 'tail.stop': 'Stop', 'tail.none': 'Waiting for something to happen …', 'tail.gone': 'The connection broke; it is made again.', connected: 'connected',
  name: 'Name', 'webhooks.none': 'No webhook. A table [webhooks.NAME] in stoker.app.toml makes one.', ahead: 'Events ahead', tried: 'Tried again', givenup: 'Given up', arrived: 'Arrived', lostevents: 'Lost', lastarrived: 'Last arrived', lasterror: 'Last error', ping: 'Ping', 'ping.ask': 'A signed message of type ping is posted now, from this node.', 'ping.arrived': 'It arrived', 'ping.failed': 'It did not arrive', deliveries: 'Deliveries', 'deliveries.none': 'Whatever was tried has arrived.', attempts: 'Attempts', lasttried: 'Last tried', nexttry: 'Next try', redeliver: 'Send again', 'redeliver.ask': 'It is tried now, with the same id and body.',
  'status.ok': 'ok', 'status.failing': 'failing', 'status.down': 'down', 'status.disabled': 'disabled', 'delivery.waiting': 'waiting', 'delivery.due': 'next', 'delivery.failed': 'given up',
};
const ko = {
  overview: '개요', jobs: '작업', queue: '대기열', workers: '워커', users: '사용자', config: '설정', webhooks: '웹훅', audit: '감사 기록', tail: '실시간', api: 'API',
  login: '로그인', logout: '로그아웃', 'login.ask': '운영자 토큰', 'login.help': 'operator.toml 에 있거나 다음으로 만듭니다: stoker access create',
  'login.over': '로그인이 끝났습니다. 다시 로그인하세요.', skip: '본문으로 건너뛰기', language: 'English', done: '완료했습니다', back: '돌아가기', newer: '더 최근', older: '더 이전', loading: '불러오는 중 …', search: '찾기', all: '전체', none: '없음', forbidden: '이 토큰은 보기만 할 수 있습니다.',
  cluster: '클러스터', members: '구성원', leader: '리더', node: '노드', role: '역할', lag: '뒤처짐', entries: '항목', alive: '응답', yes: '예', no: '아니요', version: '버전', disk: '디스크 여유', contact: '마지막 응답', noleader: '리더 없음', votes: '투표권',
  index: '인덱스', ready: '대기 항목', leases: '임대', dead: '실패 보관함', waiting: '기다리는 워커', grants: '할당', 'per.second': '초당', state: '상태', log: '로그',
  'chart.requests': '이 노드의 요청', 'chart.commit': '이 노드의 커밋 지연', 'chart.queue': '대기열', 'chart.items': '끝난 항목', 'series.requests': '요청', 'series.done': '완료', 'series.failed': '실패', 'series.ready': '대기', 'series.leases': '임대',
  job: '작업', user: '사용자', status: '상태', preset: '프리셋', created: '만든 때', progress: '진행', 'jobs.none': '작업이 없습니다. 앱이 POST /jobs 로 만듭니다. `stoker demo` 로 볼 수 있습니다.', 'jobs.id': '작업 ID', 'jobs.open': '열기',
  why: '이유', history: '이력', pictures: '사진', input: '원본', output: '결과', picture: '사진', 'pictures.gone': '사진 없음', cancel: '취소', retry: '다시 시도', 'cancel.ask': '작업이 바로 끝납니다. 하지 않은 것은 환불됩니다.', 'retry.ask': '하지 않은 것을 새 작업으로 다시 시도합니다. 새 작업만큼 크레딧이 듭니다.',
  'why.nothing': '끝났으며 아무것도 기다리지 않습니다.', holds: '처리 중인 워커', nexttimer: '다음 기한', position: '순서', eta: '예상', seconds: '초', items: '항목', price: '항목당 크레딧', event: '사건', by: '누가', detail: '내용', at: '때', item: '항목',
  class: '등급', depth: '대기', oldest: '가장 오래된 것', 'queue.none': '기다리는 것이 없습니다.', paused: '멈춤', pause: '멈추기', resume: '재개', 'pause.ask': '이 프리셋을 더 내주지 않습니다. 진행 중인 것은 계속됩니다.', 'resume.ask': '다시 내줍니다.',
  'dead.none': '실패 보관함이 비었습니다. 너무 자주 실패한 항목이 14일 동안 여기 있습니다.', reason: '이유', errors: '오류', kick: '다시 보내기', 'kick.ask': '사진을 새 작업으로 다시 시도합니다. 새 작업만큼 크레딧이 듭니다.',
  worker: '워커', 'workers.none': '지난 하루 동안 워커가 없었습니다. `stoker worker` 가 예제 워커입니다.', loaded: '적재됨', fails: '실패', lost: '잃은 임대', lastgrant: '마지막 일', drain: '비우기', 'drain.ask': '가진 것을 끝내고 더 받지 않습니다.', 'wresume.ask': '다시 일을 받습니다.', filter: '거르기', shownof: '표시 / 전체', more: '더 보기',
  'users.id': '사용자 ID', 'users.none': '사용자가 없습니다.', plan: '요금제', credits: '크레딧', concurrent: '열린 작업', slots: '규칙', device: '기기', ledger: '원장', type: '종류', amount: '금액', balance: '잔액', ref: '근거', grant: '크레딧 지급', 'grant.ask': '이유와 함께 원장에 기록됩니다. 음수는 회수합니다.', 'grant.amount': '크레딧', setplan: '요금제 바꾸기', 'plan.ask': '이제부터의 작업에 적용됩니다.', revoke: '차단', unrevoke: '차단 해제', 'revoke.ask': '모든 노드에서 바로 차단됩니다.', revoked: '차단됨', 'ledger.none': '기록이 없습니다.',
  versions: '버전', 'config.none': '버전이 없습니다.', author: '작성자', message: '메시지', inforce: '사용 중', rollback: '되돌리기', 'rollback.ask': '이 버전의 내용을 새 버전으로 모든 노드에 한 번에 적용합니다.', diff: '사용 중인 버전과의 차이', nodiff: '사용 중인 것과 같습니다.', show: '보기',
  who: '누가', action: '행동', actions: '조치', subject: '대상', refused: '거절', 'audit.none': '운영자 행동이 없습니다.', 'tail.follow': '따라가기', 'tail.stop': '멈추기', 'tail.none': '무언가 일어나기를 기다립니다 …', 'tail.gone': '연결이 끊겨 다시 연결합니다.', connected: '연결됨',
  'status.created': '만들어짐', 'status.uploaded': '업로드됨', 'status.queued': '대기 중', 'status.running': '진행 중', 'status.done': '완료', 'status.failed': '실패', 'status.canceled': '취소됨', 'status.pending': '대기', 'status.leader': '리더', 'status.follower': '팔로워', 'status.active': '사용', 'status.draining': '비우는 중', 'status.quarantined': '격리',
  name: '이름', 'webhooks.none': '웹훅이 없습니다. stoker.app.toml 의 [webhooks.이름] 이 만듭니다.', ahead: '남은 이벤트', tried: '다시 시도', givenup: '포기', arrived: '도착', lostevents: '잃음', lastarrived: '마지막 도착', lasterror: '마지막 오류', ping: '핑', 'ping.ask': '서명된 ping 메시지를 이 노드에서 지금 보냅니다.', 'ping.arrived': '도착했습니다', 'ping.failed': '도착하지 않았습니다', deliveries: '전송', 'deliveries.none': '시도한 것은 모두 도착했습니다.', attempts: '시도', lasttried: '마지막 시도', nexttry: '다음 시도', redeliver: '다시 보내기', 'redeliver.ask': '같은 ID 와 내용으로 지금 다시 보냅니다.',
  'status.ok': '정상', 'status.failing': '실패 중', 'status.down': '응답 없음', 'status.disabled': '꺼짐', 'delivery.waiting': '기다림', 'delivery.due': '다음 차례', 'delivery.failed': '포기',
};
const all = { en, ko };

const stored = () => { try { return localStorage.getItem('stoker.language'); } catch { return null; } };
export let language = stored() || (navigator.language.startsWith('ko') ? 'ko' : 'en');
document.documentElement.lang = language;

export function switchLanguage() {
  language = language === 'ko' ? 'en' : 'ko';
  document.documentElement.lang = language;
  try { localStorage.setItem('stoker.language', language); } catch { /* private mode: for this visit only */ }
}

export const t = (key, otherwise) => all[language][key] ?? otherwise ?? en[key] ?? key;
