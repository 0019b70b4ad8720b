// SPDX-License-Identifier: Apache-2.0

import { render } from "preact";
import { Frame } from "./frame.tsx";
import { startLive } from "./live.ts";
import { startTheme } from "./theme.ts";
import { listenToHistory } from "./url.ts";
import "uplot/dist/uPlot.min.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/frame.css";
import "./styles/tables.css";
import "./styles/pages.css";
import "./styles/drawings.css";

startTheme();
listenToHistory();
startLive();
render(<Frame />, document.getElementById("app")!);
