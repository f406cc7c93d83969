"""`c-stance`: does a short Chinese text support, oppose or merely mention the object that is asked about?

What must be learned: which words are for and which against; that 不 turns them round; that with two objects only the
asked one counts, that now outweighs before (以前 / 现在), the author the others (可是我), and that a rhetorical
question (谁说……) denies what it says. Every verb occurs with every letter, so counting words is not enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.data.mini.draw import chance, distinct, phrases, pick, words
from clbench.data.mini.templates import AGAINST, FOR, NEUTRAL, STANCE

if TYPE_CHECKING:
    import random

TARGETS = words("""
    夜间公交 垃圾分类 共享单车 线上课程 无糖饮料 周末加班 电子书 人工草坪 宠物餐厅 早市 校服 外卖 自动驾驶 露营 团购
    健身操 塑料袋收费 远程办公 步行街 旧书市集 社区食堂 弹性工时 直播课 智能手表 快餐 晨练 夜跑 停车收费 单休制
    纸质票 滑板车 广场舞 烟花表演 网络投票 限时折扣 会员制 积木课 方言节目 慢火车 盲盒 预制菜 无人超市 刷脸支付
    灯光秀 屋顶花园 早读课 家长群 电子菜单 扫码点餐 自习室 跳蚤市场 露天电影 小班教学 骑行道 午休制 短途旅行
    手写作业 云相册 合唱团 冷饮摊
""")
LIKE = words("支持 喜欢 赞成 看好 欣赏 认可 欢迎 期待 信任 拥护")
DISLIKE = words("反对 讨厌 抵制 反感 质疑 嫌弃 排斥 厌恶 看不惯 怀疑")
DEGREE = words("一直 真的 始终 确实 非常 还是 打心底里 特别")
NOT = words("并不 根本不 从来不 一点也不 实在不")
# What is so of an object, said in favour of it, against it, or without a judgement.
MERIT = words("""
    很有意义 省时省心 值得推广 让人放心 好处很多 让生活更轻松 设计得周到 帮了大忙 让人心情愉快 名不虚传 很贴心
    做得不错 给大家省了钱 越来越像样
""")
FAULT = words("""
    又贵又麻烦 浪费时间 问题很多 让人头疼 早该取消 毫无必要 漏洞百出 让人失望 只会添乱 名不副实 太折腾人 徒有其表
    让大家多花钱 越来越不像样
""")
FACT = words("""
    的通知贴在门口 的名单明天公布 的统计还没出来 下周开始登记 的规则分成三条 由社区负责管理 正在征求意见
    的问卷已经收齐 的说明有两页 的消息登在第三版 的情况有人记录 从三月开始试行
""")
GOOD = words("方便 划算 可靠 有趣 贴心 实用 合理 省心")
BAD = words("麻烦 无聊 多余 混乱 枯燥 昂贵 吵闹 敷衍")
UNDECIDED = phrases("""
    我对{0}没有特别的看法 | 我对{0}不支持也不反对 | 我对{0}谈不上喜欢也谈不上讨厌 | {0}好不好还要再看看
    我还没想好怎么看{0} | {0}有利也有弊，我不表态 | 有人{1}{0}，也有人{2}{0} | {0}是{3}还是{4}，我说不清
""")
OPENERS = phrases("""
    说实话， | 刚刚聊起来， | 群里又在讨论， | 想了很久， | 不得不说， | 今天路过看到， | 开会时又说到，
    我早就说过， | 这几天总有人问我， | 听完介绍， | 看了半天新闻， | 随便说一句， | 吃饭的时候想到， | 昨晚睡不着，
""")
TAILS = phrases("""
    。今天天气不错 | 。晚上去吃面了 | 。周末要下雨 | 。先睡了 | 。楼下的猫又来了 | 。明天还要早起 | 。茶已经凉了
    。地铁上人不少 | 。欢迎留言 | 。照片在后面 | 。就说到这里 | 。转给朋友看看
""")
OTHERS = words("邻居 同事们 网友 老同学 楼里的人 朋友们 专家 店员 记者 亲戚")
TURNS = words("，但是 ，不过 ，可是 ，然而 ；而 ；另外，")


def make(rng: random.Random) -> tuple[str, str]:
    """A prompt and its letter."""
    label = pick(rng, (FOR, AGAINST, NEUTRAL))
    target, other = distinct(rng, TARGETS, 2)
    if chance(rng, 0.3):
        text = _two_objects(rng, (target, label), (other, _another(rng, label)))
    else:
        text = pick(rng, (_plain, _plain, _plain, _changed, _against_others, _rhetorical))(rng, target, label)
    opener = pick(rng, OPENERS) if chance(rng, 0.5) else ""
    tail = pick(rng, TAILS) if chance(rng, 0.3) else ""
    return STANCE.format(text=f"{opener}{text}{tail}。", target=target), label


def _plain(rng: random.Random, target: str, label: str) -> str:
    return pick(rng, (_opinion, _opinion, _remark))(rng, target, label)


def _opinion(rng: random.Random, target: str, label: str) -> str:
    """What the author thinks; the negated verb comes from the other camp."""
    if label == NEUTRAL:
        form = pick(rng, UNDECIDED)
        return form.format(target, pick(rng, LIKE), pick(rng, DISLIKE), pick(rng, GOOD), pick(rng, BAD))
    camp, opposite = (LIKE, DISLIKE) if label == FOR else (DISLIKE, LIKE)
    if label == AGAINST and chance(rng, 0.5):
        return f"我{pick(rng, NOT)}{pick(rng, opposite)}{target}"
    return f"我{pick(rng, DEGREE)}{pick(rng, camp)}{target}"


def _remark(rng: random.Random, target: str, label: str) -> str:
    """What the object is like: a trait, or an adjective that 一点也不 may turn round."""
    if label == NEUTRAL:
        return target + pick(rng, FACT)
    traits, plain, denied = (MERIT, GOOD, BAD) if label == FOR else (FAULT, BAD, GOOD)
    adjective = f"实在{pick(rng, plain)}" if chance(rng, 0.5) else f"一点也不{pick(rng, denied)}"
    return target + pick(rng, (pick(rng, traits), adjective))


def _two_objects(rng: random.Random, first: tuple[str, str], second: tuple[str, str]) -> str:
    """Two objects with different stances, in either order."""
    one, two = distinct(rng, (first, second), 2)
    return _plain(rng, *one) + pick(rng, TURNS) + _plain(rng, *two)


def _changed(rng: random.Random, target: str, label: str) -> str:
    before = _opinion(rng, target, _another(rng, label))
    return f"以前{before}，{pick(rng, ('现在', '后来', '如今'))}{_opinion(rng, '它', label)}"


def _against_others(rng: random.Random, target: str, label: str) -> str:
    verb = pick(rng, DISLIKE if label == FOR else LIKE) if label != NEUTRAL else pick(rng, LIKE + DISLIKE)
    return f"{pick(rng, OTHERS)}都{verb}{target}，{pick(rng, ('可是', '不过', '但'))}{_opinion(rng, '它', label)}"


def _rhetorical(rng: random.Random, target: str, label: str) -> str:
    merit, fault = pick(rng, MERIT), pick(rng, FAULT)
    if label == NEUTRAL:
        return f"{target}到底是{merit}，还是{fault}？我说不清"
    claim, reply = (fault, "我看不是") if label == FOR else (merit, "我看未必")
    return f"谁说{target}{claim}？{reply}"


def _another(rng: random.Random, label: str) -> str:
    return pick(rng, [letter for letter in (FOR, AGAINST, NEUTRAL) if letter != label])
