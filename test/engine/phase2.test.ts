import { test } from "node:test";
import { liveThrough } from "./lifecycle.ts";

test("phase 2 on the real engine", (t) => liveThrough(t, "phase2"));
