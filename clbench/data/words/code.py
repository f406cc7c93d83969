"""Names in Python programs."""

from __future__ import annotations

from clbench.data.words.notation import table, words

# One and many of a thing.
NOUNS = table("""
    user | users; item | items; price | prices; node | nodes; line | lines; path | paths; word | words; row | rows
    task | tasks; event | events; order | orders; page | pages; score | scores; token | tokens; image | images
    key | keys; field | fields; record | records; job | jobs; point | points; edge | edges; tag | tags
    group | groups; player | players; message | messages; ticket | tickets; song | songs; layer | layers
    city | cities; entry | entries; query | queries; box | boxes; match | matches; child | children
""")
ATTRIBUTES = words("""
    name id size title color owner status weight height email kind label date level index author version url width
    speed parent data mode state code cost text rank
""")
VERBS = words("""
    get load make read find build parse fetch check update create collect select filter count sort merge scan
""")
CLASSES = words("""
    Base Model Client Server Parser Reader Writer Manager Handler Loader Worker Cache Store Graph Index View
""")
REDUCERS = words("sum max min len sorted list set tuple")
MODULES = words("os sys re time json math copy random logging socket struct string types urllib threading subprocess")
PAIRS = table("""
    acquire | release; open | close; start | stop; connect | disconnect; begin | commit; push | pop; lock | unlock
    enter | leave; show | hide; enable | disable; attach | detach; setUp | tearDown
""")
