// Whether what is there is what was asked for.

/** As the server compares words: without the space around them, in any case of letters. Nothing is the same as an empty word. */
export const plain = (value) => String(value ?? "").trim().toLowerCase();

/** Whether a document has all that was asked for. */
export const isAsAsked = (document, body) => Object.entries(body).every(([name, value]) => plain(document[name]) === plain(value));
