import assert from "node:assert/strict";
import { test } from "node:test";
import { serverTypeCatalogue } from "../../cost/catalogue.ts";
import { book } from "./support.ts";

const offer = (type: string, location: string, at?: string) =>
  serverTypeCatalogue(book, at).serverTypes.find((entry) => entry.name === type)?.locations[location];

test("the catalogue bears the date of the book unless another day is asked for", () => {
  assert.equal(serverTypeCatalogue(book).date, book.date);
  assert.equal(serverTypeCatalogue(book, "2026-03-01").date, "2026-03-01");
});

test("cpx21 can be ordered in the US alone; elsewhere it is listed with what its servers pay", () => {
  assert.deepEqual(offer("cpx21", "ash"), { orderable: true, monthlyNet: "31.99", includedTrafficTB: 2 });
  assert.deepEqual(offer("cpx21", "fsn1"), { orderable: false, monthlyNet: "9.49", includedTrafficTB: 20 });
  assert.deepEqual(offer("cpx21", "sin"), { orderable: false, monthlyNet: "18.49", includedTrafficTB: 2 });
});

test("a type stays away from places where it was never sold or nobody knows its price", () => {
  assert.equal(offer("cx23", "ash"), undefined);
  assert.equal(offer("cpx02", "sin"), undefined);
});

test("the catalogue of an earlier day offers what was sold then, at that day's price", () => {
  assert.deepEqual(offer("ccx23", "fsn1", "2026-03-01"), {
    orderable: true,
    monthlyNet: "23.99",
    includedTrafficTB: 20,
  });
  assert.equal(offer("cpx02", "fsn1", "2026-09-01"), undefined);
  assert.equal(offer("cpx02", "fsn1", "2026-10-01")?.monthlyNet, "5.99");
});

test("a type's CPU, memory and disk are those of the price list", () => {
  const ccx33 = serverTypeCatalogue(book).serverTypes.find((entry) => entry.name === "ccx33");
  assert.deepEqual(
    [ccx33?.vcpu, ccx33?.memoryGiB, ccx33?.diskGiB, ccx33?.cpu, ccx33?.architecture],
    [8, 32, 240, "dedicated", "x86"],
  );
});
