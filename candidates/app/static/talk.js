// Talking to the server: reads, and writes one after the other, none of which is dropped when the server is away.
const token = () => document.querySelector("meta[name='review-token']");

export class Refused extends Error {
  constructor(status, text, remedy) {
    super(remedy ? `${text}. ${remedy}` : text);
    this.status = status;
  }
}

const problem = async (answer) => {
  const kind = answer.headers.get("content-type") || "";
  if (!kind.includes("json")) return new Refused(answer.status, (await answer.text()).trim().slice(0, 300), "");
  const { error, remedy } = await answer.json();
  return new Refused(answer.status, error || "The server refused.", remedy);
};

export const read = async (path, signal) => {
  const answer = await fetch(path, { signal });
  if (!answer.ok) throw await problem(answer);
  return (answer.headers.get("content-type") || "").includes("json") ? answer.json() : answer.text();
};

const post = (path, body) => {
  const text = JSON.stringify(body);
  return fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", "x-review-token": token().content },
    body: text,
    keepalive: text.length < 30000,   // arrives even when the page is closed meanwhile; browsers allow 64 kB
  });
};

const write = async (path, body) => {
  let answer = await post(path, body);
  if (answer.status === 403 && answer.headers.has("x-review-reload")) {   // the server was started again
    token().content = (await read("/api/session")).csrf;
    answer = await post(path, body);
  }
  if (!answer.ok) throw await problem(answer);
  return answer.json();
};

// ---- writes wait in a row
const waiting = [];
let working = false;
let tell = () => {};
export const onWaiting = (told) => { tell = told; };
export const unsent = () => waiting.length;

const work = async () => {
  if (working) return;
  working = true;
  while (waiting.length) {
    const job = waiting[0];
    try {
      const outcome = await write(job.path, job.body());
      waiting.shift();
      tell(0);
      job.done(outcome);
    } catch (error) {
      if (error instanceof Refused) {
        waiting.shift();
        tell(0);
        job.failed(error);
      } else {   // no answer at all: keep it and try again
        tell(waiting.length);
        await new Promise((again) => setTimeout(again, 2000));
      }
    }
  }
  working = false;
};

// body: () => what to send, asked for when its turn has come
export const send = (path, body, done, failed) => {
  waiting.push({ path, body, done, failed });
  work();
};
addEventListener("beforeunload", (event) => { if (waiting.length) event.preventDefault(); });
