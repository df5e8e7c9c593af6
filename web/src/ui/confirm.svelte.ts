// Asks before what cannot be undone. Owns the one question that is open.

export interface Question {
  title: string;
  text: string;
  /** What the button that does it says: "Delete Channel 5", never "OK". */
  yes: string;
  /** It cannot be undone. */
  bad?: boolean;
}

let open = $state.raw<{ question: Question; answer: (yes: boolean) => void } | null>(null);

export const asked = {
  get open() {
    return open;
  },
  answer(yes: boolean): void {
    const was = open;
    open = null;
    was?.answer(yes);
  },
};

/** Resolves to whether it shall be done. */
export function confirm(question: Question): Promise<boolean> {
  asked.answer(false);
  return new Promise((answer) => {
    open = { question, answer };
  });
}
