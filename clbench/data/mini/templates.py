"""TRACE's eight prompt templates, to the character (arXiv 2310.06762; what is constant in all of its records).

Those of word problems and of classified texts are this project's own.

Nothing separates a prompt from its answer: a model is trained on `prompt + answer`, so the cue ends the prompt.
"""

from __future__ import annotations

STANCE = (
    "判断以下文本对指定对象的态度，选择一项：A.支持，B.反对，C.中立。输出A，B或者C。\n"
    "文本：\n{text}\n对象：\n{target}\n态度："
)
POLICY = (
    "What is the monetary policy stance for the following text? A. dovish, B. hawkish, C. neutral. "
    "Choose one from A, B and C.\nText:\n{text}\nStance:"
)
MEETING = "Write a summary of the following meeting transcripts.\nMeeting transcripts:\n{text}\nSummary:"
CODE = "<s> {text} <EOL>"
SCIENCE = (
    "Choose an answer for the following question and give your reasons.\n\n"
    "Question:\n{question}\n\nChoices:\n{choices}\n\nAnswer:"
)
MATH = "Solve the following math problem.\nQuestion:\n{text}\nAnswer:"
SIMPLIFY = "Provide a simplified version of the following paragraph in German.\n\nParagraph:\n{text}\n\nSimplification:"
NEWS = (
    "Which topic is this news item about? Options: World, Sports, Business, Science or Technology\n"
    "Title: {title}\nText: {text}\nAnswer:"
)
QUESTION = (
    "What is this question about? Options: Society & Culture, Science & Mathematics, Health, "
    "Education & Reference, Computers & Internet, Sports, Business & Finance, Entertainment & Music, "
    "Family & Relationships, Politics & Government\nText: {text}\nAnswer:"
)
REVIEW = (
    "How much does this review like the {kind}? Options: very negative, negative, neutral, positive, very positive\n"
    "Text: {text}\nAnswer:"
)
KIND = (
    "What kind of thing is this text about? Options: Company, Educational Institution, Artist, Athlete, Office Holder, "
    "Mean of Transportation, Building, Natural Place, Village, Animal, Plant, Album, Film, Written Work\n"
    "Title: {name}\nText: {text}\nAnswer:"
)
WORDPROBLEM = "Solve the story problem step by step.\nStory:\n{text}\nSteps:\n"

# The letters of the two stance tasks, in the order in which their templates list them.
FOR, AGAINST, NEUTRAL = "A", "B", "C"
