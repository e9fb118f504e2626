// Where a gate keeps what it has on this machine, by a key each: the day's list of a temple (`….day`) and the scans to be uploaded (`….queue`).

const NAME = "gatehouse-gate";
const STORE = "temples";

let opening = null;

function database() {
  opening ??= new Promise((done, fail) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
  return opening;
}

async function run(mode, work) {
  const db = await database();
  return new Promise((done, fail) => {
    const transaction = db.transaction(STORE, mode, mode === "readwrite" ? { durability: "strict" } : undefined);
    const request = work(transaction.objectStore(STORE));
    transaction.oncomplete = () => done(request.result);
    transaction.onerror = () => fail(transaction.error);
    transaction.onabort = () => fail(transaction.error);
  });
}

/** The value under a key; `otherwise` where there is none, or no store. */
export async function loadKept(key, otherwise) {
  try {
    return (await run("readonly", (store) => store.get(key))) ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** Writes a value down; false when it could not be. */
export async function saveKept(key, value) {
  try {
    await run("readwrite", (store) => store.put(value, key));
    return true;
  } catch {
    return false;
  }
}

let era = 0;

/** Counts how often the lists were cleared: what was begun before is not to be written after. */
export const eraOfLists = () => era;

const keysWith = async (end) => (await run("readonly", (store) => store.getAllKeys())).filter((key) => String(key).endsWith(end));

/** How many scans wait on this machine to be uploaded. */
export async function waitingScans() {
  try {
    const queues = await Promise.all((await keysWith(".queue")).map((key) => loadKept(key, [])));
    return queues.reduce((count, queue) => count + (Array.isArray(queue) ? queue.length : 0), 0);
  } catch {
    return 0;
  }
}

/** Forgets who is expected: the lists, and queues in which nothing waits. What is not uploaded yet stays, it is nowhere else. */
export async function clearLists() {
  era += 1;
  try {
    const gone = await keysWith(".day");
    for (const key of await keysWith(".queue")) if ((await loadKept(key, [])).length === 0) gone.push(key);
    for (const key of gone) await run("readwrite", (store) => store.delete(key));
  } catch {
    // No store, nothing in it.
  }
}
