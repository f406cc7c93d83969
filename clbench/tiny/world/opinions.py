"""The phrases of the opinion documents: what speaks for, against or neither, in Chinese and English.

The judging words are shared with `mini` where it has them, so that its words are known words; the sentences around
them, and the instructions, are this module's own.
"""

from __future__ import annotations

from clbench.data.words.notation import phrases, words

ZH_TARGETS = words("""
    手机 电脑 公园 医院 地铁 电影 足球 咖啡 网络课程 电动汽车 养猫 养狗 早起 跑步 加班 网购 旅行
    人工智能 机器人 太阳能 核电 高铁 博物馆 图书馆 家庭作业 素食 夜市 动物园 面包店 钢琴课
""")
ZH_PEOPLE = words("妈妈 爸爸 老师 小王 小李 医生 校长 老张 姐姐 哥哥 学生 经理")
ZH_WHEN = words("今年 去年 最近 上个月 这几天 今天")

EN_TARGETS = phrases("""
    the new phone | the hotel | the film | the bus line | the city park | the school lunch | the camera | the book club
    the concert | the train | the coffee | the website | the bike path | the night market | the museum | remote work
    the football team | the solar plan | the parking fee | the library
""")
EN_FOR = phrases("""
    is wonderful | works very well | made me happy | is worth every cent | should be expanded | is a great help
    is better than ever | deserves our support | was a pleasure | is excellent | saves me a lot of time | is a good idea
""")
EN_AGAINST = phrases("""
    is terrible | does not work at all | made me angry | is a waste of money | should be stopped | is no help at all
    is worse than ever | deserves no support | was a disappointment | is awful | costs me a lot of time | is a bad idea
""")
EN_NEITHER = phrases("""
    opens at nine | is near the station | will be discussed on Monday | was built ten years ago | has three floors
    is the topic of a report | is run by the city | was in the news | has good and bad sides | is on the list
    is the same as last year | is still being studied
""")

POLICY_OPENERS = phrases("""
    New figures show that | We see that | In the cities, | The bank said that | As the report shows, | Abroad, | So far,
    It is said that | The minutes say that | In our view,
""")
POLICY_WHEN = phrases(
    "again | last week | this year | in the cities | for the third time | in June | since autumn | this spring"
)
"""What the sentences of a central bank start and end with."""
