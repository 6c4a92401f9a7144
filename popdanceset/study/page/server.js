// Talks with the server. An answer is sent until the server has acknowledged it.

const PAUSE = 2000;

/** The server refused a request; `status` is the HTTP status. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Gets, or posts a body to, an address; returns what the server says. */
export async function ask(address, body) {
  const options = body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  const answer = await fetch(address, { credentials: "same-origin", ...options });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, said.error || `the server answered ${answer.status}`);
  return said;
}

/** Posts a body until the server has answered; `waiting(message)` hears of each failure. */
export async function insist(address, body, waiting) {
  for (;;) {
    try {
      return await ask(address, body);
    } catch (error) {
      if (error instanceof Refused && error.status < 500) throw error;
      waiting(error.message);
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
}

/** The joints of a dance: (frames, 24, 3) metres, z up. */
export async function dance(address, frames) {
  const answer = await fetch(address, { credentials: "same-origin" });
  if (!answer.ok) throw new Refused(answer.status, "a dance could not be loaded");
  const numbers = new Float32Array(await answer.arrayBuffer());
  if (numbers.length !== frames * 72) throw new Error("a dance is damaged");
  return numbers;
}
