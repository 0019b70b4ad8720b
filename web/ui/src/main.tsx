// SPDX-License-Identifier: Apache-2.0

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { watchLock } from "./api.ts";
import { Frame } from "./frame.tsx";
import { startLive, setLive } from "./live.ts";
import { Login, logInByLink } from "./login.tsx";
import { startTheme } from "./theme.ts";
import { listenToHistory } from "./url.ts";
import "uplot/dist/uPlot.min.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/frame.css";
import "./styles/tables.css";
import "./styles/pages.css";
import "./styles/drawings.css";

function Door() {
  const [locked, setLocked] = useState(false);
  useEffect(() => {
    watchLock(() => {
      setLive(false); // nothing more is asked until the page is loaded again
      setLocked(true);
    });
    startLive();
  }, []);
  return locked ? <Login /> : <Frame />;
}

startTheme();
await logInByLink();
listenToHistory();
render(<Door />, document.getElementById("app")!);
