import { readFileSync } from "node:fs";
import { type DiffSide, diffSides } from "../diff/diff.ts";
import { type PreviewDocument, readPreview } from "../engine/document.ts";
import { type PreviewSides, previewSides } from "../engine/snapshots.ts";
import { loadPriceBook } from "../prices/book.ts";
import { type Snapshot, snapshotVersion } from "../snapshot/types.ts";
import { type ComparisonOptions, evaluateOptions, gateOptions, printDiff } from "./diff.ts";
import { CommandError, type Io } from "./io.ts";

function read(file: string): PreviewDocument {
  const label = file === "-" ? "standard input" : file;
  try {
    return readPreview(readFileSync(file === "-" ? 0 : file, "utf8"), label);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`${label}: cannot be read; name the output of pulumi preview --json`);
  }
}

const side = (label: string, bookDate: string, stacks: Snapshot["stacks"]): DiffSide => ({
  label,
  snapshot: { version: snapshotVersion, bookDate, stacks },
  code: { kind: "running" },
});

function checkDistinct(sides: readonly PreviewSides[]): void {
  const names = sides.map(({ head }) => head.stack);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new CommandError(`${twice}: two previews of one stack; give one of each`);
}

/** `cost preview-json FILE...` */
export async function showPreview(files: readonly string[], options: ComparisonOptions, io: Io): Promise<void> {
  const gate = gateOptions(options);
  const book = loadPriceBook();
  const sides = files.map((file) => previewSides(read(file), { book, ...evaluateOptions(options) }));
  checkDistinct(sides);
  const deployed = sides.flatMap(({ base }) => base ?? []);
  const before = side("deployed", book.date, deployed);
  const after: DiffSide = {
    ...side(
      "what the engine would do",
      book.date,
      sides.map(({ head }) => head),
    ),
    replaced: new Map(sides.map(({ head, replaced }) => [head.stack, replaced])),
  };
  await printDiff(diffSides(before, after, [], gate), options, io);
}
