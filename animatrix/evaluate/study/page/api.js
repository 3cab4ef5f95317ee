// The study server's answers, and what went wrong where there is none.

/** A reply other than the wanted one; `status` 0: the server was not reached. */
export class Refusal extends Error {
  constructor(status, body) {
    super(body?.error ?? `status ${status}`);
    this.status = status;
    this.where = body?.where;
  }

  get unreachable() {
    return this.status === 0 || this.status >= 500 || this.status === 429;
  }
}

const REPLY_MS = 10_000; // a server that says nothing for so long is not there: what waits is kept and sent again

let csrf = "";

async function ask(method, path, body) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["X-Study"] = csrf;
  let reply;
  let text;
  try {
    reply = await fetch(path, {
      method,
      headers,
      credentials: "same-origin",
      cache: "no-store",
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(REPLY_MS),
    });
    text = await reply.text();
  } catch {
    throw new Refusal(0);
  }
  if (reply.status === 204) return null;
  const answer = parsed(text);
  if (!reply.ok) throw new Refusal(reply.status, answer);
  if (answer === null) throw new Refusal(0); // cut short, or somebody else's page on the way
  return answer;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export async function session() {
  const answer = await ask("GET", "/api/session");
  csrf = answer.csrf;
  return answer;
}

export const trial = () => ask("GET", "/api/trial");
export const undo = () => ask("POST", "/api/undo", {});
export const vote = (id, body) => ask("POST", `/api/trial/${encodeURIComponent(id)}/vote`, body);
export const draft = (id, body) => ask("PUT", `/api/trial/${encodeURIComponent(id)}/draft`, body);
