/**
 * Durable documents with in-memory maps on top.
 *
 * One SQLite file, one table. Reads never touch the file. Every write happens inside {@link Store.transaction}, which
 * is atomic in memory and on disk: when it returns, the change survives `kill -9`. The journal is WAL with
 * `synchronous=NORMAL`: a finished commit is in the operating system's hands, so only a power cut (which a local cloud
 * need not survive) could lose it; `FULL` would add an fsync per API call for nothing.
 *
 * The database is opened in exclusive locking mode, so the kernel guards a state directory against two processes and
 * releases it by itself when the holder is killed.
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import {
  type Collection,
  type Document,
  type DocumentId,
  type Indexes,
  MemoryCollection,
  type Undo,
} from "./collection.ts";

export interface Store {
  /** The same collection for the same name; `indexes` count only on the first call for that name. */
  collection<T extends Document>(name: string, indexes?: Indexes<T>): Collection<T>;
  /** Runs `work` as one unit: a throw undoes everything in memory and writes nothing. Nested calls join the outer one. */
  transaction<R>(work: () => R): R;
  /** Next number of a durable sequence that never goes back, also not after a rolled-back delete or a restart. */
  nextId(sequence: string, first?: number): number;
  /** Removes every document of every collection. */
  clear(): void;
  /** Everything in the store by collection name, for dumps. */
  dump(): Record<string, readonly Document[]>;
  close(): void;
}

/** The state file is held by another process. */
export class StoreLockedError extends Error {
  override name = "StoreLockedError";
}

type Sequence = { readonly id: string; readonly next: number };

const schemaVersion = 1;

type Pending = { readonly collection: string; readonly id: DocumentId; readonly body: Document | undefined };

class SqliteStore implements Store {
  readonly #database: DatabaseSync;
  readonly #upsert: StatementSync;
  readonly #remove: StatementSync;
  readonly #select: StatementSync;
  // The element type differs per collection; `collection()` is the only place that hands one out.
  readonly #collections = new Map<string, MemoryCollection<Document>>();
  #pending: Map<string, Pending> | undefined;
  #undo: Undo[] = [];

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#upsert = database.prepare(
      "INSERT INTO documents (collection, id, body) VALUES (?, ?, ?) ON CONFLICT (collection, id) DO UPDATE SET body = excluded.body",
    );
    this.#remove = database.prepare("DELETE FROM documents WHERE collection = ? AND id = ?");
    this.#select = database.prepare("SELECT body FROM documents WHERE collection = ? ORDER BY rowid");
  }

  collection<T extends Document>(name: string, indexes: Indexes<T> = {}): Collection<T> {
    const existing = this.#collections.get(name);
    if (existing !== undefined) return existing as unknown as Collection<T>;
    const rows = this.#select.all(name).map((row) => JSON.parse(String(row.body)) as T);
    const created = new MemoryCollection<T>(name, indexes, rows, (...change) => this.#record(...change));
    this.#collections.set(name, created as unknown as MemoryCollection<Document>);
    return created;
  }

  transaction<R>(work: () => R): R {
    if (this.#pending !== undefined) return work();
    this.#pending = new Map();
    this.#undo = [];
    try {
      const result = work();
      if (result instanceof Promise) throw new TypeError("a transaction must be synchronous");
      this.#flush(this.#pending);
      return result;
    } catch (error) {
      for (const undo of this.#undo.reverse()) undo();
      throw error;
    } finally {
      this.#pending = undefined;
      this.#undo = [];
    }
  }

  nextId(sequence: string, first = 1): number {
    const sequences = this.collection<Sequence>("sequences");
    const next = sequences.get(sequence)?.next ?? first;
    sequences.put({ id: sequence, next: next + 1 });
    return next;
  }

  clear(): void {
    if (this.#pending !== undefined) throw new Error("clear() inside a transaction");
    this.#database.exec("DELETE FROM documents");
    for (const collection of this.#collections.values()) collection.forget();
  }

  dump(): Record<string, readonly Document[]> {
    const names = this.#database.prepare("SELECT DISTINCT collection FROM documents ORDER BY collection").all();
    return Object.fromEntries(names.map((row) => [row.collection, this.collection(String(row.collection)).all()]));
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #record(collection: string, id: DocumentId, body: Document | undefined, undo: Undo): void {
    const join = (): void => {
      this.#undo.push(undo);
      this.#pending?.set(`${collection}\u0000${id}`, { collection, id, body });
    };
    if (this.#pending === undefined) this.transaction(join);
    else join();
  }

  #flush(changes: ReadonlyMap<string, Pending>): void {
    if (changes.size === 0) return;
    this.#database.exec("BEGIN");
    try {
      for (const { collection, id, body } of changes.values()) {
        if (body === undefined) this.#remove.run(collection, String(id));
        else this.#upsert.run(collection, String(id), JSON.stringify(body));
      }
      this.#database.exec("COMMIT");
    } catch (error) {
      this.#database.exec("ROLLBACK");
      throw error;
    }
  }
}

/** Opens (or creates) the store in `file`; `:memory:` gives one that dies with the process. */
export function openStore(file: string): Store {
  const database = new DatabaseSync(file);
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
    const version = Number(database.prepare("PRAGMA user_version").get()?.user_version ?? 0);
    if (version !== 0 && version !== schemaVersion) {
      throw new Error(`${file}: written by another version (${version}, this one reads ${schemaVersion}); remove it`);
    }
    database.exec(
      "CREATE TABLE IF NOT EXISTS documents (collection TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (collection, id))",
    );
    database.exec(`PRAGMA user_version = ${schemaVersion}`);
  } catch (error) {
    database.close();
    if (error instanceof Error && /database is locked/.test(error.message)) {
      throw new StoreLockedError(`${file} is in use by another process`, { cause: error });
    }
    throw error;
  }
  return new SqliteStore(database);
}
