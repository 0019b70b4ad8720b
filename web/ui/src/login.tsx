// SPDX-License-Identifier: Apache-2.0
// Before a collector that wants a token: it is said once, in a form or as #token=… behind a link, and
// becomes a cookie that no script can read.

import { useState } from "preact/hooks";
import { place, usePlace } from "./url.ts";

/** null: there is a session now; else why not, for the reader. */
async function logIn(token: string): Promise<string | null> {
  let response: Response;
  try {
    response = await fetch("/login", { method: "POST", headers: { authorization: `Bearer ${token}` } });
  } catch {
    return "The collector does not answer, or the token holds what no token can.";
  }
  if (response.ok) return null;
  const said = (await response.json().catch(() => ({}))) as { error?: string };
  return said.error ?? `The collector answered with status ${response.status}.`;
}

/** Takes a token from the address, where it must not stay; a wrong one leads to the form. */
export async function logInByLink(): Promise<void> {
  if (!location.hash.startsWith("#token=")) return;
  const token = decodeURIComponent(location.hash.slice("#token=".length));
  history.replaceState(history.state, "", location.pathname + location.search);
  await logIn(token);
}

export function Login() {
  usePlace();
  const [said, setSaid] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  return (
    <main id="main" class="login">
      <form
        class="page empty"
        onSubmit={async (e) => {
          e.preventDefault();
          const field = e.currentTarget.elements.namedItem("token") as HTMLInputElement;
          setBusy(true);
          const why = await logIn(field.value.trim());
          if (why === null) return location.reload();
          setBusy(false);
          setSaid(why);
          field.select();
        }}
      >
        <h1>This collector wants its token</h1>
        <p class="notice">
          It is in the file that kieker-collector was started with (--http-token). It is asked for once in this browser
          {place().page === "overview" ? "." : "; then the view behind this link opens."}
        </p>
        <label>
          Token <input name="token" type="password" autocomplete="current-password" required autofocus />
        </label>
        {said !== null && (
          <p class="notice bad" role="alert">
            {said}
          </p>
        )}
        <p>
          <button type="submit" disabled={busy}>
            Open
          </button>
        </p>
      </form>
    </main>
  );
}
