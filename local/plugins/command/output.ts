/** What a command prints: kept for the outputs, and shown line by line where the resource asks for it. */

export type Logging = "stdout" | "stderr" | "stdoutAndStderr" | "none";
export type Stream = "stdout" | "stderr";

/** Shows one line to the person who runs the engine. */
export type Show = (line: string) => void;

export type Printed = { readonly stdout: string; readonly stderr: string; readonly both: string };

const withoutLastBreak = (text: string): string => (text.endsWith("\n") ? text.slice(0, -1) : text);

const isShown = (logging: Logging, stream: Stream): boolean => logging === "stdoutAndStderr" || logging === stream;

/** Collects both streams of one command. */
export class Recorder {
  readonly #texts = { stdout: "", stderr: "", both: "" };
  readonly #logging: Logging;
  readonly #show: Show;
  #line = "";

  constructor(logging: Logging, show: Show) {
    this.#logging = logging;
    this.#show = show;
  }

  add(stream: Stream, text: string): void {
    this.#texts[stream] += text;
    this.#texts.both += text;
    if (!isShown(this.#logging, stream)) {
      return;
    }
    const lines = (this.#line + text).split("\n");
    this.#line = lines.pop() ?? "";
    for (const line of lines) {
      this.#show(line);
    }
  }

  /** To be called once, when both streams have ended. */
  finish(): Printed {
    if (this.#line !== "") {
      this.#show(this.#line);
    }
    const { stdout, stderr, both } = this.#texts;
    return { stdout: withoutLastBreak(stdout), stderr: withoutLastBreak(stderr), both };
  }
}
