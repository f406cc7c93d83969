"""Chinese words of opinion: objects, verbs of liking and disliking, traits, remarks that judge nothing."""

from __future__ import annotations

from clbench.data.words.notation import words

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
