export class Refusal extends Error {
    constructor(code, more) {
        super(code);
        Object.assign(this, { code }, more);
    }
}

export class NotMeasured extends Error {}

export const refused = (code) => new Refusal(code);
export const at = (code, pointer) => new Refusal(code, { pointer });
