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

let csrf = "";

async function ask(method, path, body, options = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["X-Study"] = csrf;
  let reply;
  try {
    reply = await fetch(path, {
      method,
      headers,
      credentials: "same-origin",
      cache: "no-store",
      body: body === undefined ? undefined : JSON.stringify(body),
      ...options,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0);
  }
  if (reply.status === 204) return null;
  const answer = await reply.json().catch(() => null);
  if (!reply.ok) throw new Refusal(reply.status, answer);
  return answer;
}

export async function session() {
  const answer = await ask("GET", "/api/session");
  csrf = answer.csrf;
  return answer;
}

export const trial = () => ask("GET", "/api/trial");
export const undo = () => ask("POST", "/api/undo", {});
export const vote = (id, body) => ask("POST", `/api/trial/${encodeURIComponent(id)}/vote`, body);
export const draft = (id, body, options) =>
  ask("PUT", `/api/trial/${encodeURIComponent(id)}/draft`, body, options);
