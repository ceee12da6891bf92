import { test } from "node:test";
import { liveThrough } from "./lifecycle.ts";

test("phase 3 on the real engine", (t) => liveThrough(t, "phase3"));
