// Errands: choreo's own commands, run beside the show. Each tells how it goes and ends in words, whatever happens.

const POLL_MS = 400;

/** Have it done; `tell` gets {state, said} on the way. Resolves to how it ended, with `id` where it has begun. */
export async function run(words, tell = () => {}) {
  let told = await json("/api/errands", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(words) });
  while (told.state === "running") {
    tell(told);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    told = await json(`/api/errands/${told.id}`);
  }
  return told;
}

async function json(path, request) {
  const answer = await fetch(path, request).catch(() => null);
  if (answer?.ok) return answer.json();
  return { state: "failed", said: answer ? (await answer.text()).trim() : "no connection to choreo" };
}
