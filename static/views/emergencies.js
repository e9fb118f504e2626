// The page of emergencies: for everybody the SOS form and their own reports; for operators the board on which each is taken in hand.

import { announce, h, icon } from "../dom.js";
import { ownReports, sosForm } from "./sos.js";
import { sosBoard } from "./sosboard.js";

/** The page. */
export function emergenciesPage(context) {
  return context.store.state.operator ? board(context) : own(context);
}

function own(context) {
  const reports = ownReports(context);
  const form = sosForm({
    ...context,
    // Its card says that the control room has it.
    onSent(report) {
      reports.follow(report);
      reports.show();
    },
  });
  const element = h("div", { class: "page sos-page" },
    h("section", { class: "panel sos-panel", "aria-labelledby": "sos-title" },
      h("header", { class: "panel-head" }, h("h2", { id: "sos-title" }, "Emergency: call for help")), form.element),
    reports.element);
  return {
    element,
    leave() {
      form.leave();
      reports.leave();
    },
  };
}

function board(context) {
  const view = sosBoard(context);
  const form = sosForm({
    ...context,
    onSent(report) {
      context.emergencies.take(report);
      fold.open = false;
      announce("Reported: it is on the board.");
      view.show(report.id);
    },
  });
  const fold = h("details", { class: "panel sos-panel sos-fold" },
    h("summary", {}, icon("critical"), "Report an emergency for somebody"), form.element);
  return {
    element: h("div", { class: "page board-page" }, view.element, fold),
    leave() {
      view.leave();
      form.leave();
    },
  };
}
