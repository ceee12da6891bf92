import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stackFileSchemaText } from "./json-schema.ts";

writeFileSync(join(import.meta.dirname, "..", "stacks", "platform.schema.json"), stackFileSchemaText());
