import type { Catalogue, LocationOffer, ServerTypeOffer } from "../../plan/types.ts";

type Offer = readonly [monthlyNet: string, trafficTB: number, orderable?: boolean];

const regions = { eu: ["fsn1", "nbg1", "hel1"], us: ["ash", "hil"], sin: ["sin"] } as const;

function offer(
  name: string,
  [vcpu, memoryGiB, diskGiB]: readonly [number, number, number],
  cpu: ServerTypeOffer["cpu"],
  offers: Partial<Readonly<Record<keyof typeof regions, Offer>>>,
): ServerTypeOffer {
  const locations: Record<string, LocationOffer> = {};
  for (const region of ["eu", "us", "sin"] as const) {
    const given = offers[region];
    if (given === undefined) continue;
    const [monthlyNet, includedTrafficTB, orderable = true] = given;
    for (const location of regions[region]) locations[location] = { orderable, monthlyNet, includedTrafficTB };
  }
  return { name, vcpu, memoryGiB, diskGiB, cpu, architecture: name.startsWith("cax") ? "arm" : "x86", locations };
}

/** Part of Hetzner's list of 2026-09-29, written down apart from the price book so that plan tests stand on their own. */
export const testCatalogue: Catalogue = {
  date: "2026-09-29",
  serverTypes: [
    offer("cx23", [2, 4, 40], "shared", { eu: ["5.49", 20] }),
    offer("cx33", [4, 8, 80], "shared", { eu: ["8.49", 20] }),
    offer("cx43", [8, 16, 160], "shared", { eu: ["15.99", 20] }),
    offer("cx53", [16, 32, 320], "shared", { eu: ["29.49", 20] }),
    offer("cax11", [2, 4, 40], "shared", { eu: ["5.99", 20] }),
    offer("cax21", [4, 8, 80], "shared", { eu: ["10.49", 20] }),
    offer("cax31", [8, 16, 160], "shared", { eu: ["20.99", 20] }),
    offer("cax41", [16, 32, 320], "shared", { eu: ["40.99", 20] }),
    offer("cpx12", [1, 2, 40], "shared", { eu: ["11.49", 20], sin: ["15.49", 0.5] }),
    offer("cpx22", [2, 4, 80], "shared", { eu: ["19.49", 20], sin: ["26.49", 1] }),
    offer("cpx32", [4, 8, 160], "shared", { eu: ["35.49", 20], sin: ["48.99", 2] }),
    offer("cpx42", [8, 16, 320], "shared", { eu: ["69.49", 20], sin: ["93.49", 3] }),
    offer("cpx52", [12, 24, 480], "shared", { eu: ["100.49", 20], sin: ["134.49", 4] }),
    offer("cpx62", [16, 32, 640], "shared", { eu: ["129.99", 20], sin: ["171.99", 5] }),
    offer("cpx11", [2, 2, 40], "shared", { eu: ["5.49", 20, false], us: ["17.49", 1], sin: ["9.99", 1, false] }),
    offer("cpx21", [3, 4, 80], "shared", { eu: ["9.49", 20, false], us: ["31.99", 2], sin: ["18.49", 2, false] }),
    offer("cpx31", [4, 8, 160], "shared", { eu: ["17.49", 20, false], us: ["62.49", 3], sin: ["32.49", 3, false] }),
    offer("cpx41", [8, 16, 240], "shared", { eu: ["32.49", 20, false], us: ["120.49", 4], sin: ["55.49", 4, false] }),
    offer("cpx51", [16, 32, 360], "shared", { eu: ["70.99", 20, false], us: ["237.99", 5], sin: ["99.99", 5, false] }),
    offer("ccx13", [2, 8, 80], "dedicated", { eu: ["42.99", 20], us: ["43.49", 1], sin: ["53.99", 1] }),
    offer("ccx23", [4, 16, 160], "dedicated", { eu: ["85.99", 20], us: ["87.49", 2], sin: ["108.49", 2] }),
    offer("ccx33", [8, 32, 240], "dedicated", { eu: ["138.49", 30], us: ["140.99", 3], sin: ["174.49", 3] }),
    offer("ccx43", [16, 64, 360], "dedicated", { eu: ["275.99", 40], us: ["279.49", 4], sin: ["340.99", 5] }),
    offer("ccx53", [32, 128, 600], "dedicated", { eu: ["533.49", 50], us: ["538.49", 6], sin: ["651.99", 6] }),
    offer("ccx63", [48, 192, 960], "dedicated", { eu: ["853.49", 60], us: ["859.99", 8], sin: ["1036.49", 8] }),
    offer("cx22", [2, 4, 40], "shared", { eu: ["4.49", 20, false] }),
  ],
};
