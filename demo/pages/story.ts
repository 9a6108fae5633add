/** A story as the paper prints it. */
export type Story = {
  /** Slug of the product that opens it. */
  product: string;
  kicker: string;
  headline: string;
  standfirst: string;
  author: string;
  place: string;
  minutes: number;
  caption: string;
  paragraphs: readonly string[];
};

/** The demo's story. The island, the bakery and the notes are invented. */
export const story: Story = {
  product: "digital",
  kicker: "Weekend · Money",
  headline: "The island that still honours its paper promises",
  standfirst:
    "In the winter of 1931 the coins ran out on Hollin Isle, so the baker printed his own. Most of the notes came home within the year. Eleven did not, and the shop is still waiting for them.",
  author: "Marguerite Oake",
  place: "Hollin Isle",
  minutes: 5,
  caption: "One of the notes of 1931, redrawn. Of three hundred that were printed, eleven are still out.",
  paragraphs: [
    "The first thing Ines Tallow does each morning, before the ovens are lit and the harbour lamp goes out, is unlock a biscuit tin. Inside are two hundred and eighty-nine slips of grey-green paper, each about the size of a playing card, each promising its bearer one loaf. She counts them. There are always two hundred and eighty-nine. There ought to be three hundred.",
    "“The others are out there somewhere,” she says, in the voice of someone whose cat has stayed away for the night. “Behind a clock. In a family Bible. Somebody will bring one in.” She shuts the tin. “And then we’ll owe them a loaf.”",
    "Hollin Isle has a hundred and forty residents, one road, and a ferry that sails when the ferryman feels that it should. In December 1931 he did not feel that it should for nineteen days. There was flour enough for the winter, and there was herring, but the coins had all gone across to the mainland in October to pay for the flour. By the second Friday the island was rich in bread and had nothing left to buy it with.",
    "So Ines’s grandfather Edmund, who had once set type for a seed catalogue, inked a tray of borrowed letters and printed three hundred notes on the backs of old tide tables. “Good for one loaf,” they said; and underneath, in smaller letters, because he was a careful man, “on any morning.”",
    "It is those last three words that have occupied the island ever since. A promise with a date on it is a debt. A promise without one is closer to a marriage. Edmund’s notes paid the cobbler, and the cobbler paid the midwife, and the midwife, who did not care for bread, paid the ferryman. When the ferry came back in the new year with a bag of the bank’s silver aboard, it was three days before anybody thought to ask for any.",
    "An economist came out in 1974 to find out what had stood behind the currency. Reserves, perhaps, or a pledge of land. He asked at the bakery, at the chapel, and at the bar of the Pilot’s Rest, where he was at last given a straight answer. “Breakfast,” said the ferryman.",
    "The latest note came home this spring. A visitor from the mainland had found it in the lining of a coat, and had meant to frame it, until she got off the boat and smelled the shop. Ines read both sides, which is the rule, and set a loaf on the counter. “She cried a little,” Ines says. “Then she asked whether we could slice it.” They could not. On that point the note is silent and the bakery firm.",
    "I asked what will become of the tin on the day that the last of the eleven is in it. She thought about this for as long as it takes to fold an apron. “Then it’s been kept,” she said. “That’s all a promise ever wants.”",
    "She turned the sign on the door. Outside, against the forecast, the ferry was running.",
  ],
};
