// ui/panels/incident.h: the conversation, the evidence and what the checks found, side by side.
// Facts come first: findings show as soon as code found them, the model's prose is marked until it
// is verified, and every claim links to its line.
#pragma once
#include <map>
#include <string>

#include "app/app.h"
#include "ui/ui.h"

namespace ui {

struct IncidentPanel {
  std::string input;              // the question being typed
  int64_t session = -1;           // whose draft that is
  int input_generation = 0;       // changes when code replaces the text
  bool focus_input = false;
  float evidence_width = 340, checks_width = 360;   // design pixels
  bool follow = true;             // keep the end of the conversation in sight
  std::map<int64_t, float> heights;                 // of messages drawn, at heights_width
  float heights_width = 0;
  size_t n_messages_seen = 0;
  int settle_frames = 0;          // frames left in which the end is kept in sight after a message came
  bool show_all_checks = false, show_unusual = true;
  std::map<int64_t, std::string> ratings;           // by message: good, bad
  int64_t editing = 0;            // the question that the input replaces, as a branch; 0: a new one
  double prepare_at = 0;          // when to put the prompt together for the context bar; 0: it is
  size_t prepared_for = 0;        // findings that it was made with
  float head_height = 0;          // of what stands above the conversation, likewise
  float question_height = 0;      // of the part below the conversation, as last drawn; 0: not yet
  app::Packing range;             // lines being chosen for the prompt
  bool all_notes = false;         // of what reading and checks left out
  Link wanted;               // a claim, finding or piece of evidence to be brought into sight; id 0: none
  int64_t hovered_message = 0;    // the answer whose claim below was under the pointer when its menu opened
  int hovered_claim = -1;
  std::string pasted;             // more than 20 lines pasted into the question: becomes a log
};
void draw(IncidentPanel& panel, const app::IncidentView& view, const app::StatusView& status,
          const app::ModelsView& models, app::App& app, Ui& ui);

// True once for the place that a link wants in sight.
bool take_wanted(IncidentPanel& panel, const Link& link);

// Puts text into the question, behind what is there (question.cpp).
void add_to_question(IncidentPanel& panel, const std::string& text);

}  // namespace ui
